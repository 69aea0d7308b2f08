import re

import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.data_docs import Page, write_data_docs
from cxrmlops.data.expectations import (
    check,
    cohort_promises,
    cohort_rows,
    image_promises,
    image_rows,
    set_promises,
)
from tests.make import make_images, make_index

pytestmark = pytest.mark.integration

IMAGE = {"min_rows": 256, "min_columns": 256}
FIGURES = {
    "studies": 100,
    "quarantined_share": 0.05,
    "abnormal_share": 0.5,
    "unknown_view_share": 0.1,
}


def broken_rows(images: pd.DataFrame) -> dict[str, list[int]]:
    found = check("cohort", cohort_rows(images), cohort_promises())
    return {reason: rows for reason, rows in found.broken.items() if rows}


def broken_images(images: pd.DataFrame, index: pd.DataFrame) -> dict[str, list[int]]:
    found = check("images", image_rows(images, index), image_promises(**IMAGE))
    return {reason: rows for reason, rows in found.broken.items() if rows}


def check_set(**changed):
    promises = set_promises(
        min_studies=100,
        max_quarantined=0.1,
        abnormal_share=(0.1, 0.8),
        max_unknown_view=0.2,
    )
    return check("set", pd.DataFrame([FIGURES | changed]), promises)


def test_a_good_cohort_keeps_every_promise():
    images = make_images(patients=8, per_patient=2)

    assert broken_rows(images) == {}
    assert broken_images(images, make_index(images)) == {}
    assert check_set().result.success


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("view", "lateral", "unknown_word_view"),
        ("portable", "perhaps", "unknown_word_portable"),
        ("sex", "X", "unknown_word_sex"),
        ("age_years", 121.0, "impossible_age"),
        ("age_years", -1.0, "impossible_age"),
        ("year", 1895, "impossible_year"),
        ("image_id", pd.NA, "no_id"),
        ("study_id", pd.NA, "no_study"),
        ("patient_id", pd.NA, "no_patient"),
    ],
)
def test_a_row_that_breaks_a_promise_is_named(column, value, reason):
    images = make_images(patients=8)

    images.loc[5, column] = value

    found = broken_rows(images)
    assert found.pop(reason) == [5]
    assert set(found) <= {"study_of_two_patients"}  # a study without its patient


def test_unknown_age_and_year_are_no_fault():
    images = make_images(patients=8)

    images.loc[5, "age_years"] = np.nan
    images.loc[5, "year"] = pd.NA

    assert broken_rows(images) == {}


def test_an_id_used_twice_names_both_rows():
    images = make_images(patients=8)

    images.loc[5, "image_id"] = images.image_id[2]

    assert broken_rows(images) == {"id_twice": [2, 5]}


def test_a_study_of_two_patients_is_named_whole():
    images = make_images(patients=8, per_patient=2)

    images.loc[[0, 1, 2], "study_id"] = "S"
    images["abnormal"] = False

    assert broken_rows(images) == {"study_of_two_patients": [0, 1, 2]}


def test_a_study_with_two_labels_is_named_whole():
    images = make_images(patients=8, per_patient=2)
    images.loc[[0, 1], "study_id"] = "S"

    images.loc[1, "abnormal"] = not images.abnormal[0]

    assert broken_rows(images) == {"study_with_two_labels": [0, 1]}


@pytest.mark.parametrize(
    ("column", "edge", "beyond", "reason"),
    [
        ("rows", 256, 255, "too_few_rows"),
        ("columns", 256, 255, "too_few_columns"),
        ("std", 0.03, 0.029, "nearly_constant"),
        ("std", 0.03, np.nan, "no_statistics"),
        ("black", 0.9, 0.91, "mostly_black"),
        ("white", 0.75, 0.76, "mostly_white"),
    ],
)
def test_an_image_is_good_up_to_the_edge(column, edge, beyond, reason):
    images = make_images(patients=8)
    index = make_index(images)

    index.loc[4, column] = edge
    assert broken_images(images, index) == {}

    index.loc[4, column] = beyond
    assert broken_images(images, index) == {reason: [4]}


def test_a_rejected_image_has_no_statistics_to_promise():
    images = make_images(patients=8)
    index = make_index(images)

    index.loc[4, ["rejected", "rows", "std"]] = ["blank", 0, np.nan]

    assert broken_images(images, index) == {}


def test_the_same_pixels_under_two_patients_name_every_copy():
    images = make_images(patients=8)
    index = make_index(images)

    index.loc[6, "pixel_hash"] = index.pixel_hash[1]

    assert broken_images(images, index) == {"same_pixels_two_patients": [1, 6]}


def test_the_same_pixels_again_in_one_patient_keep_the_first():
    images = make_images(patients=4, per_patient=3)
    index = make_index(images)

    index.loc[[4, 5], "pixel_hash"] = index.pixel_hash[3]

    assert broken_images(images, index) == {"same_pixels_again": [4, 5]}


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("studies", 99),
        ("quarantined_share", 0.11),
        ("abnormal_share", 0.09),
        ("abnormal_share", 0.81),
        ("unknown_view_share", 0.21),
    ],
)
def test_a_set_out_of_bounds_says_which_figure(figure, value):
    found = check_set(**{figure: value})

    assert found.reasons == [figure]
    assert found.findings[list(FIGURES).index(figure)].observed == value


def test_docs_load_nothing_run_nothing_and_name_no_row(tmp_path):
    images = make_images(patients=8)
    images.loc[5, "view"] = "secretword"
    checked = check("cohort", cohort_rows(images), cohort_promises())

    write_data_docs(
        tmp_path, [Page("cohort", "Cohort", checked.result)], figures={"films": "8"}
    )

    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "cohort.html"}
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not re.search(r"https?:|//\w|<script|<link|<img|url\(|onclick", text)
    assert "secretword" not in text
    assert images.image_id[5] not in text
    assert "1 unexpected values found" in text
    assert set(re.findall(r'href="([^"]*)"', text)) == {"index.html", "cohort.html"}


def test_equal_results_give_equal_docs(tmp_path):
    images = make_images(patients=8)

    for name in ("a/once", "again"):
        checked = check("cohort", cohort_rows(images), cohort_promises())
        page = Page("cohort", "Cohort", checked.result)
        write_data_docs(tmp_path / name, [page], figures={})

    for path in (tmp_path / "a/once").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
