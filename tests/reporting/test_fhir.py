import json

import pytest
from fhir.resources.R4B.bundle import Bundle

from cxrmlops.dicom.read.headers import describe
from cxrmlops.reporting.fhir import build_bundle
from tests.make import make_image, make_model_identity, make_study_answer

MODEL = make_model_identity()


def build(*probabilities, model=MODEL, **attributes):
    image = make_image(**attributes)
    text = build_bundle(
        make_study_answer(*probabilities, images=[image]),
        model,
        header=describe(image),
        report_uid="2.25.7",
        conclusion="A summary.",
        disclaimer="Investigational.",
    )
    Bundle.model_validate_json(text)
    return text, {
        entry["resource"]["resourceType"]: entry for entry in json.loads(text)["entry"]
    }


def test_an_abnormal_study_gives_device_observation_and_preliminary_report():
    _, entries = build(0.9)

    observation = entries["Observation"]["resource"]
    report = entries["DiagnosticReport"]["resource"]
    assert set(entries) == {"Device", "Observation", "DiagnosticReport"}
    assert observation["status"] == report["status"] == "preliminary"
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == "408574004"
    assert observation["component"][0]["valueQuantity"]["value"] == 90.0
    limits = observation["component"][0]["referenceRange"]
    assert [limit["high"]["value"] for limit in limits] == [41.37, 8.3]
    assert report["conclusion"] == "A summary."


@pytest.mark.parametrize(
    ("probability", "value", "letter"),
    [(0.4137, "408574004", "A"), (0.2, "408379005", "E"), (0.05, "408573005", "N")],
)
def test_only_what_lies_below_both_thresholds_is_normal(probability, value, letter):
    _, entries = build(probability)

    observation = entries["Observation"]["resource"]
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == value
    assert observation["interpretation"][0]["coding"][0]["code"] == letter


def test_not_evaluable_has_no_value_and_says_that_data_are_absent():
    _, entries = build()

    observation = entries["Observation"]["resource"]
    assert "valueCodeableConcept" not in observation
    assert observation["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert len(observation["component"]) == 1


def test_patient_and_study_of_the_site_are_named_and_never_written():
    _, entries = build(0.9)

    report = entries["DiagnosticReport"]["resource"]
    assert report["subject"]["identifier"]["value"] == "SYN0001"
    assert report["imagingStudy"][0]["type"] == "ImagingStudy"
    assert report["imagingStudy"][0]["identifier"]["value"].startswith(
        "urn:oid:1.2.826"
    )
    assert not {"Patient", "ImagingStudy"} & set(entries)


def test_the_order_is_named_by_its_accession_number():
    _, entries = build(0.9)

    for kind in ("Observation", "DiagnosticReport"):
        (order,) = entries[kind]["resource"]["basedOn"]
        assert order["identifier"]["value"] == "ACC123"
        assert order["identifier"]["type"]["coding"][0]["code"] == "ACSN"


def test_links_lead_to_entries_of_the_same_transaction():
    text, entries = build(0.9)

    urls = {entry["fullUrl"] for entry in json.loads(text)["entry"]}
    observation = entries["Observation"]["resource"]
    report = entries["DiagnosticReport"]["resource"]
    assert observation["device"]["reference"] in urls
    assert report["result"][0]["reference"] in urls


def test_sending_twice_updates_the_same_resources():
    first, entries = build(0.9)
    second, _ = build(0.9)

    urls = [entry["request"]["url"] for entry in entries.values()]
    assert first == second
    assert all("?identifier=urn:dicom:uid%7Curn:oid:2.25." in url for url in urls)
    assert all(entry["request"]["method"] == "PUT" for entry in entries.values())


@pytest.mark.parametrize(
    "attributes",
    [{"StudyDate": None}, {"PatientID": None}, {"IssuerOfPatientID": "HOSP"}],
    ids=str,
)
def test_a_source_with_gaps_still_gives_a_valid_bundle(attributes):
    _, entries = build(0.1, **attributes)

    assert entries["Observation"]["resource"]["subject"]
