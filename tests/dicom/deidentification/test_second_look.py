"""A value of the original in the copy is found, whatever rule let it through."""

import pytest
from pydicom.dataset import Dataset

from cxrmlops.dicom.deidentification.second_look import left_over


def source() -> Dataset:
    made = Dataset()
    made.PatientName, made.PatientID = "Mueller^Anna", "4711081"
    made.InstitutionName, made.AccessionNumber = "St. Mary's", "AX-20-99"
    return made


@pytest.mark.parametrize(
    ("value", "keyword"),
    [
        ("seen by mueller", "PatientName"),
        ("4711081", "PatientID"),
        ("at St. Mary's, room 2", "InstitutionName"),
        ("ref AX-20-99", "AccessionNumber"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_value_is_found_and_its_attribute_named(value, keyword, nested):
    made, inner = Dataset(), Dataset()
    inner.SeriesDescription = value
    made = inner if not nested else made
    if nested:
        made.SourceImageSequence = [inner]

    assert left_over(made, source()) == keyword


@pytest.mark.parametrize("value", ["Anna", "14711081.5", "Muellers", "CHEST"])
def test_what_is_short_or_a_part_of_something_else_is_not(value):
    made = Dataset()
    made.SeriesDescription = value

    assert left_over(made, source()) == ""
