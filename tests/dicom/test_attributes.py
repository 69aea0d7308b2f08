"""Plain values out of a dataset."""

import datetime as dt
import math

import pytest
from pydicom.dataset import Dataset

from cxrmlops.dicom.age import age_years
from cxrmlops.dicom.attributes import date, number, numbers, texts, words


def said(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


DAY = dt.date(2017, 6, 1)


@pytest.mark.parametrize(
    ("age", "years"),
    [("050Y", 50), ("60", 60), ("006M", 0.5), ("010D", 10 / 365.25), ("052W", 0.997)],
)
def test_ages_are_read_in_every_unit(age, years):
    assert age_years(said(PatientAge=age, StudyDate="20170601")) == pytest.approx(
        years, abs=1e-3
    )


@pytest.mark.parametrize("age", ["", "414Y", "abc", "-5Y", "12X"])
def test_an_impossible_age_is_unknown(age):
    assert math.isnan(age_years(said(PatientAge=age, StudyDate="20170601")))


def test_the_date_of_birth_stands_in_for_a_missing_or_zero_age():
    for age in ("", "000Y"):
        patient = said(PatientAge=age, PatientBirthDate="19670601")
        patient.StudyDate = "20170601"
        assert age_years(patient) == pytest.approx(50, abs=0.01)


def test_a_newborn_without_date_of_birth_is_zero_years_old():
    assert age_years(said(PatientAge="000Y", StudyDate="20170601")) == 0


def test_a_birth_after_the_study_is_no_age():
    assert math.isnan(
        age_years(said(PatientBirthDate="20200101", StudyDate="20170601"))
    )


@pytest.mark.parametrize("day", ["20170601", "2017.06.01", "2017-06-01"])
def test_dates_are_read_with_and_without_dots(day):
    assert date(said(StudyDate=day), "StudyDate") == DAY


@pytest.mark.parametrize("day", ["", "20171301", "2017", "00000000"])
def test_an_impossible_date_is_none(day):
    assert date(said(StudyDate=day), "StudyDate") is None


def test_several_values_and_strange_numbers():
    film = said(PatientOrientation=["l", "F "], WindowCenter=[550, 400])

    assert texts(film, "PatientOrientation") == ["L", "F"]
    assert numbers(film, "WindowCenter") == [550, 400]
    assert number(film, "WindowWidth") is None


def test_words_stand_apart():
    film = said(SeriesDescription="Thorax_p.a./lateral")

    assert words(film, "SeriesDescription", "ProtocolName") == " THORAX P A LATERAL "
