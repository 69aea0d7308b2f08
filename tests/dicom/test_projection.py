"""From which side a film was taken."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrmlops.dicom.projection import portable, view


def said(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(value: str, meaning: str = "") -> Sequence:
    return Sequence([said(CodeValue=value, CodeMeaning=meaning)])


@pytest.mark.parametrize(
    ("position", "name"),
    [
        *(("PA", "PA"), ("AP", "AP"), ("pa ", "PA"), ("LL", "lateral")),
        *(("RL", "lateral"), ("LATERAL", "lateral"), ("RLO", "lateral")),
        *(("LLD", "lateral"), ("", "unknown"), ("XYZ", "unknown")),
        *(("PA erect", "PA"), ("AP/PA", "unknown"), ("LEFT LAT", "lateral")),
    ],
)
def test_view_position_speaks_first(position, name):
    assert view(said(ViewPosition=position)) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(("272479007", "PA"), ("R-10214", "PA"), ("399348003", "AP")),
        *(("R-10206", "AP"), ("399173006", "lateral"), ("R-10236", "lateral")),
        *(("399067008", "lateral"), ("399033003", "unknown")),
    ],
)
def test_the_view_code_speaks_where_the_position_is_silent(code, name):
    assert view(said(ViewCodeSequence=coded(code))) == name


def test_an_unknown_code_speaks_by_its_meaning():
    film = said(ViewCodeSequence=coded("99X", "Postero-anterior"))

    assert view(film) == "PA"


@pytest.mark.parametrize(
    ("description", "name"),
    [
        *(("view: PA", "PA"), ("Thorax a.p. liegend", "AP")),
        *(("CHEST LAT", "lateral"), ("W CHEST AP PORT", "AP")),
        *(("PA and LAT", "unknown"), ("Lateralis", "unknown"), ("Spain", "unknown")),
    ],
)
def test_words_of_the_series_speak_when_they_agree(description, name):
    assert view(said(SeriesDescription=description)) == name


def test_the_words_of_a_study_say_nothing_about_one_film():
    assert view(said(StudyDescription="CHEST PA + LAT")) == "unknown"


@pytest.mark.parametrize(
    ("orientation", "name"),
    [
        *((["P", "F"], "lateral"), (["A", "F"], "lateral"), (["L", "F"], "unknown")),
        *((["R", "F"], "unknown"), (["PL", "F"], "lateral"), ("", "unknown")),
    ],
)
def test_a_film_that_runs_from_front_to_back_is_lateral(orientation, name):
    assert view(said(PatientOrientation=orientation)) == name


def test_the_position_outweighs_everything_else():
    film = said(
        ViewPosition="PA",
        ViewCodeSequence=coded("399173006"),
        SeriesDescription="LAT",
        PatientOrientation=["P", "F"],
    )

    assert view(film) == "PA"


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        ({"SeriesDescription": "Chest AP portable"}, "yes"),
        ({"StudyDescription": "XR CHEST 1V PORT"}, "yes"),
        ({"StationName": "BEDSIDE"}, "yes"),
        ({"ViewPosition": "PA"}, "no"),
        ({"ViewPosition": "AP"}, "unknown"),
        ({"SeriesDescription": "Support device"}, "unknown"),
    ],
)
def test_bedside_films_are_told_by_words(attributes, answer):
    assert portable(said(**attributes)) == answer
