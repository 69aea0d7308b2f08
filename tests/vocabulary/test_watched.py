import math

import pytest

from cxrmlops.records.tables import INDEX, SCORED_IMAGES, WATCHED
from cxrmlops.vocabulary.watched import GROUPS, NUMBERS, PICTURE, WORDS, age_band


@pytest.mark.parametrize(
    ("years", "band"),
    [(0, "0-9"), (9.9, "0-9"), (54.2, "50-59"), (89.9, "80-89"), (90, "90+"),
     (107, "90+"), (math.nan, "unknown")],
)  # fmt: skip
def test_an_age_is_told_in_tens_of_years(years, band):
    assert age_band(years) == band


def test_grey_values_are_those_that_preprocess_keeps():
    assert set(PICTURE) <= set(INDEX.columns)


def test_groups_are_words():
    assert set(GROUPS) <= set(WORDS)
    assert not set(WORDS) & set(NUMBERS)


def test_nothing_that_names_a_study_is_watched():
    identities = {name for name in SCORED_IMAGES.columns if name.endswith("uid")}

    assert not set(WATCHED.columns) & (identities | {"accession_number", "study_date"})
