import datetime as dt

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from cxrmlops.dicom.archive.selection import OWN, newest_moment, out_of_scope
from tests import make


def why_not(header: Dataset, **how: bool) -> str:
    return out_of_scope(header, scope=make.SCOPE, **how)


def test_a_frontal_chest_of_an_adult_is_ours():
    assert why_not(make.make_chest_image()) == ""


@pytest.mark.parametrize(
    ("quirk", "reason"),
    [
        ({"ViewPosition": "LL"}, "lateral"),
        ({"SOPClassUID": DigitalXRayImageStorageForProcessing}, "for_processing"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "derived"),
        ({"PatientAge": "010Y"}, "child"),
        ({"BodyPartExamined": "KNEE"}, "not_chest"),
        ({"BodyPartExamined": ""}, "chest_unknown"),
        ({"Modality": "CT"}, "not_cr_dx"),
    ],
)
@pytest.mark.parametrize("is_complete", [True, False])
def test_what_is_out_of_scope_has_its_reason(quirk, reason, is_complete):
    header = make.make_chest_image(**quirk)

    told = why_not(header, is_complete=is_complete)

    assert told == ("" if reason == "chest_unknown" and not is_complete else reason)


def test_our_own_objects_are_never_read():
    overlay = make.make_chest_image(
        Manufacturer="cxrmlops project", SOPClassUID=SecondaryCaptureImageStorage
    )

    assert why_not(overlay) == OWN


@pytest.mark.parametrize(
    "quirk", [{"NumberOfFrames": 2}, {"PhotometricInterpretation": "PALETTE COLOR"}]
)
def test_a_chest_image_that_cannot_be_read_is_ours_and_gets_an_answer(quirk):
    assert why_not(make.make_chest_image(**quirk)) == ""


def test_what_an_archive_leaves_out_is_no_reason():
    told = Dataset()
    told.SOPInstanceUID = "1.2.3"

    assert why_not(told, is_complete=False) == ""
    assert why_not(told) == "not_an_image"


def test_a_value_that_makes_no_sense_is_a_reason_and_no_error():
    header = make.make_chest_image()
    header.add_new("ViewCodeSequence", "SQ", [])
    header.Manufacturer = ["a", "b"]
    header.PatientAge = "XXXY"

    assert why_not(header) == ""


def test_an_image_is_as_old_as_the_last_thing_that_happened_to_it():
    header = Dataset()
    header.StudyDate, header.StudyTime = "20240130", "2300"
    header.ContentDate, header.ContentTime = "20240131", "013000.12"

    assert newest_moment(header, time_zone="Europe/Berlin") == dt.datetime(
        2024, 1, 31, 0, 30, tzinfo=dt.UTC
    )
    header.TimezoneOffsetFromUTC = "+0800"
    assert newest_moment(header, time_zone="Europe/Berlin") == dt.datetime(
        2024, 1, 30, 17, 30, tzinfo=dt.UTC
    )


def test_an_image_that_names_no_day_has_no_age():
    assert newest_moment(Dataset(), time_zone="UTC") is None


@pytest.mark.parametrize("time", ["", "noon", "256100"])
def test_a_day_without_a_time_that_makes_sense_counts_from_its_beginning(time):
    header = Dataset()
    header.StudyDate = "20240131"
    header.add_new("StudyTime", "LO", time)

    assert newest_moment(header, time_zone="UTC") == dt.datetime(
        2024, 1, 31, tzinfo=dt.UTC
    )
