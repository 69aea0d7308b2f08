"""Plain values out of a dataset."""

import datetime as dt
from math import nan

import pytest

from cxrmlops.dicom.read.attributes import (
    date,
    number,
    numbers,
    shown_number,
    study_date,
    texts,
    whole_number,
    words,
)
from cxrmlops.system.errors import Rejected
from tests.dicom.read.make import said

DAY = dt.date(2017, 6, 1)


@pytest.mark.parametrize("day", ["20170601", "2017.06.01", "2017-06-01"])
def test_dates_are_read_with_and_without_dots(day):
    assert date(said(StudyDate=day), "StudyDate") == DAY


@pytest.mark.parametrize("day", ["", "20171301", "2017", "00000000"])
def test_an_impossible_date_is_none(day):
    assert date(said(StudyDate=day), "StudyDate") is None


def test_several_values_and_strange_numbers():
    image = said(PatientOrientation=["l", "F "], WindowCenter=[550, 400])

    assert texts(image, "PatientOrientation") == ["L", "F"]
    assert numbers(image, "WindowCenter") == [550, 400]
    assert number(image, "WindowWidth") is None


def test_words_stand_apart():
    image = said(SeriesDescription="Thorax_p.a./lateral")

    assert words(image, "SeriesDescription", "ProtocolName") == " THORAX P A LATERAL "


@pytest.mark.parametrize("day", ["00010101", "18951107", "20260504", "20190229"])
def test_a_day_on_which_no_image_was_made_gives_way_to_the_next_date(day, monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2026-05-02T02:30:00+02:00")
    image = said(StudyDate=day, AcquisitionDate="20180102")

    assert study_date(image) == dt.date(2018, 1, 2)


@pytest.mark.parametrize("day", ["18951108", "20260503"])
def test_the_first_xray_and_tomorrow_are_days_of_images(day, monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2026-05-02T02:30:00+02:00")

    assert f"{study_date(said(StudyDate=day)):%Y%m%d}" == day


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("AcquisitionDate", "20170601"),
        ("AcquisitionDateTime", "20170601101112.5+0100"),
        ("SeriesDate", "20170601"),
        ("ContentDate", "20170601"),
        ("PerformedProcedureStepStartDate", "20170601"),
    ],
)
def test_every_date_of_an_image_can_stand_in_for_that_of_the_study(keyword, value):
    assert study_date(said(**{keyword: value})) == DAY


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1500,5", 1500.5),
        ("0,143", 0.143),
        ("-1,0", -1.0),
        (",5", 0.5),
        ("2,5E2", 250.0),
        (" +2.5E+3 ", 2500.0),
        ("2048", 2048.0),
    ],
)
def test_a_decimal_comma_is_read_as_a_point(written, value):
    image = said()
    image.add_new("WindowCenter", "LO", written)

    assert number(image, "WindowCenter") == value


@pytest.mark.parametrize(
    "written",
    [
        *("1,500", "1,500.5", "1,2,3", "1.500,5", "0.200,0.400", "a", "1500#"),
        *("NaN", "inf", "-inf", "1_000", "0x10", "1\\b", "does not convert"),
    ],
)
def test_what_is_no_number_or_could_be_two_is_refused(written):
    image = said()
    image.add_new("WindowCenter", "LO", written.split("\\"))

    with pytest.raises(Rejected, match="WindowCenter holds no number") as refused:
        numbers(image, "WindowCenter")

    assert refused.value.reason == "undecodable"
    assert shown_number(image, "WindowCenter", 7) == 7


def test_an_empty_value_is_no_number_and_no_fault():
    image = said(WindowCenter=["", 1500], RescaleSlope="")

    assert numbers(image, "WindowCenter") == pytest.approx([nan, 1500], nan_ok=True)
    assert number(image, "WindowCenter") is None
    assert numbers(image, "RescaleSlope") == []


def test_a_part_of_a_row_is_no_number_of_rows():
    image = said()
    image.add_new("Rows", "FD", 10.5)

    with pytest.raises(Rejected, match="Rows is not a whole number"):
        whole_number(image, "Rows")
