"""From which side a film was taken."""

import pytest

from cxrmlops.dicom.read.projection import portable, view
from tests.dicom.read.make import coded, said


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
    image = said(ViewCodeSequence=coded("99X", "Postero-anterior"))

    assert view(image) == "PA"


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


# As vendors and sites write them: MIMIC-CXR's positions, padchest and others
@pytest.mark.parametrize(
    "position",
    ["SWIMMERS", "L", "R", "LLAT", "RLAT", "XTL", "PROFIL", "SEITLICH", "LATERALE"]
    + ["OBL", "DECUB", "LDECUB", "RPO", "LAO", "PA LLD", "AP RLD", "XTABLE LATERAL"],
)
def test_a_position_from_the_side_is_lateral_however_it_is_written(position):
    assert view(said(ViewPosition=position)) == "lateral"


@pytest.mark.parametrize(
    "description",
    ["Thorax seitl.", "Thorax schräg", "ThoraxLat", "Thorax lateraal", "Torax perfil"]
    + ["Thorax zijdelings", "latero-laterale", "Radiographie de profil", "Chest obl"]
    + ["RPO chest", "Swimmers", "CHEST LEFT DECUBITUS AP", "Tórax decúbito lateral"]
    + [
        "RX TORACE LL",
        "胸部侧位",
        "胸部左侧位片",
        "胸部側面",
        "胸部侧卧位",
        "胸部斜位",
    ],
)
@pytest.mark.parametrize("keyword", ["SeriesDescription", "ProtocolName"])
def test_a_side_view_is_understood_in_the_languages_of_sites(keyword, description):
    assert view(said(**{keyword: description})) == "lateral"


@pytest.mark.parametrize(
    "description",
    ["Lateralität", "CHEST L", "Chest left side", "bilateral", "双侧胸部", "胸部正侧位"]
    + ["XR CHEST FRONTAL AND LATERAL", "Thorax in 2 Ebenen", "正面・側面", "胸部正位"]
    + ["Thorax de face décubitus", "LATISSIMUS"],
)
def test_sides_of_the_body_and_several_views_make_no_image_lateral(description):
    assert view(said(SeriesDescription=description)) == "unknown"


@pytest.mark.parametrize("description", ["胸部后前位", "Thorax p.a.", "CHESTPA"])
def test_frontal_views_are_understood_too(description):
    assert view(said(SeriesDescription=description)) == "PA"


def test_an_image_of_a_patient_on_the_side_is_lateral_though_taken_ap():
    image = said(ViewPosition="AP", SeriesDescription="CHEST DECUB LEFT")
    supine = said(ViewPosition="AP", SeriesDescription="Tórax AP decúbito supino")

    assert view(image) == "lateral"
    assert view(supine) == "AP"


def test_a_study_of_side_views_alone_makes_its_images_lateral():
    assert view(said(StudyDescription="Thorax seitlich")) == "lateral"
    assert view(said(StudyDescription="Thorax seitlich", ViewPosition="PA")) == "PA"


def test_the_words_of_a_study_say_nothing_about_one_image():
    assert view(said(StudyDescription="CHEST PA + LAT")) == "unknown"


@pytest.mark.parametrize(
    ("orientation", "name"),
    [
        *((["P", "F"], "lateral"), (["A", "F"], "lateral"), (["L", "F"], "unknown")),
        *((["R", "F"], "unknown"), (["PL", "F"], "lateral"), ("", "unknown")),
    ],
)
def test_an_image_that_runs_from_front_to_back_is_lateral(orientation, name):
    assert view(said(PatientOrientation=orientation)) == name


def test_the_position_outweighs_everything_else():
    image = said(
        ViewPosition="PA",
        ViewCodeSequence=coded("399173006"),
        SeriesDescription="LAT",
        PatientOrientation=["P", "F"],
    )

    assert view(image) == "PA"


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
def test_bedside_images_are_told_by_words(attributes, answer):
    assert portable(said(**attributes)) == answer
