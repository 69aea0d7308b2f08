"""How old a patient was when a film was made."""

import math

import pytest

from cxrmlops.dicom.read.age import age_years, oldest_years
from tests.dicom.read.make import said


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


def test_an_impossible_age_gives_way_to_the_date_of_birth():
    patient = said(PatientAge="414Y", PatientBirthDate="19670601", StudyDate="20170601")

    assert age_years(patient) == pytest.approx(50, abs=0.01)


@pytest.mark.parametrize(
    "keyword", ["AcquisitionDateTime", "SeriesDate", "ContentDate"]
)
def test_any_date_of_the_image_tells_the_age(keyword):
    patient = said(PatientBirthDate="20120101", **{keyword: "20180102"})

    assert age_years(patient) == pytest.approx(6, abs=0.01)


def test_of_several_dates_the_earliest_after_birth_counts():
    patient = said(PatientBirthDate="20000101", StudyDate="20240101")
    patient.AcquisitionDate, patient.ContentDate = "20100101", "19000101"

    assert age_years(patient) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize(
    ("born", "youngest"),
    [
        *(("2012", 5.0), ("20120000", 5.0), ("2012-01", 5.92), ("201201", 5.92)),
        *(("20120100", 5.92), ("2017.12.31", 0.0), ("2018", 0.0)),
    ],
)
def test_a_birth_known_in_part_gives_the_youngest_age_that_fits(born, youngest):
    patient = said(PatientBirthDate=born, StudyDate="20180101")

    assert age_years(patient) == pytest.approx(youngest, abs=0.02)


@pytest.mark.parametrize("born", ["20121345", "2019", "010112", "", "31012012"])
def test_an_impossible_birth_is_none(born):
    assert math.isnan(age_years(said(PatientBirthDate=born, StudyDate="20180101")))


def test_the_eighteenth_birthday_ends_childhood_whatever_leap_days_lie_between():
    born = said(PatientBirthDate="20010301", StudyDate="20190301")

    assert age_years(born) == 18
    born.StudyDate = "20190228"
    assert 17.9 < age_years(born) < 18


def test_a_stated_age_below_a_year_stands_above_the_date_of_birth():
    infant = said(PatientAge="006M", PatientBirthDate="20000101", StudyDate="20170601")

    assert age_years(infant) == 0.5


@pytest.mark.parametrize(
    ("written", "years"),
    [("20180102", 6), ("18000101", 20), ("20500101", 20), ("", 20)],
)
def test_nobody_is_older_than_when_the_file_was_written_or_today(
    monkeypatch, written, years
):
    monkeypatch.setenv("CXR_CLOCK", "2032-01-02T00:00:00+00:00")
    patient = said(PatientBirthDate="20120101", InstanceCreationDate=written)

    assert oldest_years(patient) == pytest.approx(years, abs=0.01)
