import json

import pytest

from cxrmlops.data.sources.fhir_reports import fhir_report_rows
from cxrmlops.data.sources.rows import Namer
from cxrmlops.system.errors import DataError

NAMER = Namer(b"key")
STUDY = {"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}}
ORDER = {"identifier": {"type": {"coding": [{"code": "ACSN"}]}, "value": "A7"}}


def report(**changes):
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "imagingStudy": [STUDY],
        "conclusionCode": [{"coding": [{"system": "local", "code": "NSF"}]}],
    } | changes


def read(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    return fhir_report_rows(path, NAMER)


def test_a_report_gives_study_and_conclusion(tmp_path):
    (row,) = read(tmp_path, report()).to_dict("records")

    assert row["study_id"] == NAMER.name("study", "1.2.3")
    assert row["conclusion"] == "NSF"


def test_the_order_of_r5_and_an_accession_number_are_read(tmp_path):
    of_r5 = report(study=[STUDY], basedOn=[ORDER])
    del of_r5["imagingStudy"]

    (row,) = read(tmp_path, of_r5).to_dict("records")

    assert row["study_id"] == NAMER.name("study", "1.2.3")
    assert row["accession_id"] == NAMER.name("accession", "A7")


def test_a_bundle_gives_each_of_its_reports(tmp_path):
    entries = [{"resource": report()}, {"resource": {"resourceType": "Patient"}}]

    assert len(read(tmp_path, {"resourceType": "Bundle", "entry": entries})) == 1


@pytest.mark.parametrize("status", ["preliminary", "registered", "cancelled", None])
def test_what_is_not_final_does_not_count(tmp_path, status):
    assert read(tmp_path, report(status=status)).empty


def test_a_conclusion_in_words_counts_if_it_is_one_word_of_the_policy(tmp_path):
    (row,) = read(tmp_path, report(conclusionCode=[], conclusion="Uncertain")).to_dict(
        "records"
    )

    assert row["conclusion"] == "uncertain"


def test_free_text_is_refused_and_not_shown(tmp_path):
    text = "Mr. Made-up Person has pneumonia on the left"

    with pytest.raises(DataError, match="no conclusion") as refused:
        read(tmp_path, report(conclusionCode=[], conclusion=text))

    assert "Person" not in str(refused.value)


def test_a_report_of_no_study_is_refused(tmp_path):
    with pytest.raises(DataError, match="names no study"):
        read(tmp_path, report(imagingStudy=[]))


@pytest.mark.parametrize("content", [[], "text", 3, {"entry": 7}, {"entry": [None]}])
def test_other_json_holds_no_report(tmp_path, content):
    assert read(tmp_path, content).empty


def test_what_is_no_json_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("{")

    with pytest.raises(DataError, match="is not JSON"):
        fhir_report_rows(tmp_path / "report.json", NAMER)
