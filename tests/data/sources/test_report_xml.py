import tarfile
import zipfile

import pytest

from cxrmlops.data.sources.report_xml import MAX_BYTES, read_reports
from cxrmlops.system.errors import DataError

REPORT = (
    '<?xml version="1.0"?><eCitation><uId id="CXR{0}"/><MeSH><major>normal</major>'
    '</MeSH><parentImage id="CXR{0}_1"/></eCitation>'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "xml").mkdir()
    for n in (1, 2):
        (tmp_path / f"xml/{n}.xml").write_text(REPORT.format(n))
    return tmp_path / "xml"


def test_folder_tar_and_zip_give_the_same_reports(folder, tmp_path):
    with tarfile.open(tmp_path / "r.tgz", "w:gz") as archive:
        archive.add(folder, "inside")
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"../../{path.name}")

    reports = read_reports(folder)

    assert [report.number for report in reports] == ["CXR1", "CXR2"]
    assert reports[0].codes == ("normal",)
    assert reports[0].images == ("CXR1_1",)
    assert read_reports(tmp_path / "r.tgz") == reports
    assert read_reports(tmp_path / "r.zip") == reports


@pytest.mark.parametrize(
    "content",
    [
        b"<eCitation>",
        b"no xml",
        b"",
        b'<!DOCTYPE e [<!ENTITY a "aa">]><eCitation><uId id="1"/>&a;</eCitation>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE e><e/>'.encode("utf-16"),
        b"<eCitation/>",
        REPORT.format(3).encode().ljust(MAX_BYTES + 1),
    ],
    ids=["open", "text", "empty", "entity", "utf-16", "unnumbered", "large"],
)
def test_what_is_no_plain_report_stops_with_its_name(folder, content):
    (folder / "odd.xml").write_bytes(content)

    with pytest.raises(
        DataError, match=r"1 report\(s\) are not plain XML.*\[odd.xml\]"
    ):
        read_reports(folder)


def test_a_report_of_1_mebibyte_is_read(folder):
    (folder / "large.xml").write_bytes(REPORT.format(3).encode().ljust(2**20))

    assert len(read_reports(folder)) == 3


def test_what_else_lies_in_an_archive_is_passed_over(folder, tmp_path):
    (folder / "readme.txt").write_text("words")
    (folder / "link.xml").symlink_to("1.xml")
    (folder / "folder.xml").mkdir()
    with tarfile.open(tmp_path / "r.tar", "w") as archive:
        archive.add(folder, "inside")

    assert len(read_reports(tmp_path / "r.tar")) == 2


def test_other_xml_is_passed_over(folder):
    (folder / "other.xml").write_text("<html/>")

    assert len(read_reports(folder)) == 2


def test_a_torn_archive_is_refused(folder, tmp_path):
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as archive:
        archive.add(folder, "inside")
    torn = tmp_path / "torn.tgz"
    torn.write_bytes((tmp_path / "whole.tgz").read_bytes()[:-60])

    with pytest.raises(DataError, match="cannot be read as a folder"):
        read_reports(torn)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no Open-i report"):
        read_reports(tmp_path)
