import gzip

import pytest

from cxrmlops.data.sources.recognise import find_reports, recognise_reports
from tests.data.sources.test_openi import write_report

NIH = "Image Index,Finding Labels,Follow-up #\n"


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.csv", b"Conclusion;accession_number\n", "hospital"),
        ("a.csv", NIH.encode(), "nih"),
        ("a.csv.gz", gzip.compress(NIH.encode(), mtime=0), "nih"),
        ("a.csv", b"nih_name,rsna_class,view\n", "rsna"),
        ("a.csv", b"patientId,class\n", "rsna"),
        ("a.csv.gz", b"torn", None),
        ("a.csv", b"id,result\n", None),
        ("a.csv", b"Image Index,Conclusion\n", "hospital"),
        ("a.csv", b"Finding Labels\n", None),
        ("a.pdf", b"conclusion", None),
        ("a.zip", b"no archive", None),
    ],
)
def test_reports_are_known_by_their_look(tmp_path, name, content, source):
    (tmp_path / name).write_bytes(content)

    assert recognise_reports(tmp_path / name) == source


def test_a_folder_of_report_xml_is_known(tmp_path):
    write_report(tmp_path / "xml", "1", "normal")

    assert recognise_reports(tmp_path / "xml") == "openi"
    assert recognise_reports(tmp_path) == "openi"


def test_reports_are_found_in_and_beside_the_images(tmp_path):
    images = tmp_path / "films"
    images.mkdir()
    (images / "projections.csv").write_text("filename,projection\n")
    (tmp_path / "table.csv").write_text(NIH)

    assert find_reports(images) == [(tmp_path / "table.csv", "nih")]
