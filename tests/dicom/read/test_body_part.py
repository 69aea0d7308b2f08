"""Whether a film shows a human chest."""

import pytest

from cxrmlops.dicom.read.body_part import is_chest, is_human
from tests.dicom.read.make import coded, said

WORDS = ["CHEST", "THORAX"]


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        ({"AnatomicRegionSequence": coded("51185008")}, True),
        ({"AnatomicRegionSequence": coded("T-D3000")}, True),
        ({"AnatomicRegionSequence": coded("85562004", "Hand")}, False),
        ({"BodyPartExamined": "CHEST"}, True),
        ({"BodyPartExamined": "PORT CHEST"}, True),
        ({"BodyPartExamined": "EXTREMITY"}, False),
        ({"SeriesDescription": "Thorax p.a."}, True),
        ({"StudyDescription": "XR CHEST 2 VIEWS"}, True),
        ({"StudyDescription": "HIP JOINT"}, False),
        ({"StudyDescription": "Chest and abdomen"}, None),
        ({"AcquisitionDeviceProcessingDescription": "[CHEST,GENERAL ]"}, True),
        ({"RequestedProcedureCodeSequence": coded("1", "Chest X-ray")}, True),
        ({"StudyDescription": "Nodule"}, None),
        ({}, None),
    ],
)
def test_the_first_attribute_that_speaks_decides(attributes, answer):
    assert is_chest(said(**attributes), WORDS)[0] is answer


def test_words_of_the_series_outweigh_a_wrong_body_part():
    image = said(BodyPartExamined="ABDOMEN", SeriesDescription="CHEST AP PORT")

    assert is_chest(image, WORDS) == (True, "words of the series")


@pytest.mark.parametrize(
    "series",
    [
        "T-SPINE AP",
        "RIBS",
        "STERNUM",
        "ABDOMEN AP",
        "Lumbar spine",
        "Hip L",
        "BWS seitl.",
    ]
    + ["Rippen li.", "Hüfte", "Rachis dorsal", "Parrilla costal", "Colonna", "Ribben"]
    + ["Coluna torácica", "胸椎正位", "肋骨", "腹部立位", "鎖骨"],
)
def test_a_series_of_another_part_outweighs_a_body_part_chest(series):
    image = said(BodyPartExamined="CHEST", SeriesDescription=series)

    assert is_chest(image, [*WORDS, "胸"]) == (False, "words of the series")


@pytest.mark.parametrize(
    "series",
    [
        "Chest + ribs",
        "CHEST AND ABDOMEN",
        "Torax PA de pie",
        "PA ARMS UP",
        "Torace in piedi",
    ]
    + ["view: PA", "术后复查", "Thorax enkel"],
)
def test_a_chest_image_stays_one_whatever_else_its_series_names(series):
    assert is_chest(said(BodyPartExamined="CHEST", SeriesDescription=series), WORDS)[0]


def test_a_region_code_speaks_first():
    image = said(BodyPartExamined="CHEST", SeriesDescription="CHEST AP")
    image.AnatomicRegionSequence = coded("122495006", "Thoracic spine")

    assert is_chest(image, WORDS) == (False, "AnatomicRegionSequence")


def test_a_body_part_chest_in_a_study_of_another_part_is_not_believed():
    image = said(BodyPartExamined="CHEST", StudyDescription="T-SPINE 2 VIEWS")
    acute = said(BodyPartExamined="CHEST", StudyDescription="ABDOMEN ACUTE SERIES")

    assert is_chest(image, WORDS)[0] is None
    assert is_chest(acute, WORDS)[0] is True


def test_a_short_word_for_the_chest_must_begin_a_word():
    assert is_chest(said(SeriesDescription="Darstellung"), ["LUNG"])[0] is None
    assert is_chest(said(SeriesDescription="Lungenaufnahme"), ["LUNG"])[0] is True


def test_words_of_the_study_do_not_outweigh_the_body_part():
    image = said(BodyPartExamined="ABDOMEN", StudyDescription="CHEST + ABDOMEN")

    assert is_chest(image, WORDS) == (False, "BodyPartExamined")


def test_a_site_names_the_chest_in_its_own_language():
    image = said(BodyPartExamined="胸部")

    assert is_chest(image, WORDS)[0] is False
    assert is_chest(image, ["胸部"])[0] is True


@pytest.mark.parametrize(
    ("attributes", "human"),
    [
        ({}, True),
        ({"PatientSpeciesDescription": "Homo sapiens"}, True),
        ({"PatientSpeciesDescription": "Canis lupus familiaris"}, False),
        ({"PatientSpeciesCodeSequence": coded("L-80A00", "dog")}, False),
        ({"PatientSpeciesCodeSequence": coded("337915000", "homo sapiens")}, True),
        ({"PatientBreedDescription": "Beagle"}, False),
        ({"ProtocolName": "CANINE LATERAL THORAX"}, False),
        ({"ProtocolName": "CT scatter"}, True),
    ],
)
def test_animals_are_told_from_people(attributes, human):
    assert is_human(said(**attributes)) is human
