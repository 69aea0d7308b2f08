from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from cxrmlops.dicom.archive.dimse_query import (
    decoded,
    merged_levels,
    query_dataset,
    return_keys,
)


def test_a_question_names_its_level_and_leaves_open_what_it_wants_to_know():
    asked = query_dataset("SERIES", StudyInstanceUID="1.2", **return_keys(["Modality"]))

    assert (asked.QueryRetrieveLevel, asked.StudyInstanceUID) == ("SERIES", "1.2")
    assert asked["Modality"].is_empty


def test_the_last_that_was_told_counts_and_nothing_is_no_word():
    study, image = Dataset(), Dataset()
    study.BodyPartExamined, study.PatientAge = "KNEE", "050Y"
    image.BodyPartExamined, image.PatientAge = "CHEST", None

    told = merged_levels(study, image)

    assert (told.BodyPartExamined, told.PatientAge) == ("CHEST", "050Y")


def test_a_value_that_is_none_spoils_no_other():
    row = Dataset()
    row.StudyInstanceUID = "1.2.3"
    tag = Tag("Rows")
    row[tag] = RawDataElement(tag, "US", 3, b"x y", 0, False, True, True)

    assert list(decoded(row).keys()) == [Tag("StudyInstanceUID")]
