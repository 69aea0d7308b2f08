from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.data.split import (
    assign_cases,
    assign_patients,
    check_not_empty,
    quotas,
    side_of_unreadable,
)
from cxrmlops.data.split_membership import leaking_patients, split_hash
from cxrmlops.system.errors import DataError

FRACTIONS = {"train": 0.7, "val": 0.2, "test": 0.1}

cohorts = st.builds(
    lambda n, seed: cohort(n, seed=seed), st.integers(1, 150), st.integers(0, 10_000)
)


def cohort(patients: int, *, seed: int = 0) -> pd.DataFrame:
    """Draw 1-4 images for each patient, of any view and label."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    return pd.DataFrame(
        {
            "image_id": [f"i{k:05d}" for k in range(len(who))],
            "study_id": [f"s{k // 2:05d}p{p}" for k, p in enumerate(who)],
            "patient_id": [f"p{p:04d}" for p in who],
            "view": rng.choice(["PA", "AP", "unknown"], len(who), p=[0.6, 0.35, 0.05]),
            "abnormal": rng.random(len(who)) < 0.4,
        }
    ).astype(
        {name: "string" for name in ("image_id", "study_id", "patient_id", "view")}
    )


def own(images: pd.DataFrame) -> pd.Series:
    """Every patient is a group."""
    return images.patient_id.rename("group")


def joined(images: pd.DataFrame) -> pd.Series:
    """Patients share a group by threes, a third of the time."""
    number = images.patient_id.str[1:].astype(int)
    name = number.where(number % 9 > 2, number // 9 * 9)
    return ("p" + name.astype(str).str.zfill(4)).astype("string").rename("group")


def strata(images: pd.DataFrame) -> pd.Series:
    """Say the stratum of each patient, written another way than in src."""
    by = images.groupby("patient_id")
    view = by["view"].agg(lambda v: min(v.unique(), key=lambda w: (-(v == w).sum(), w)))
    return by.abnormal.any().astype(str) + view


@given(images=cohorts, seed=st.integers(0, 50))
@settings(deadline=None, max_examples=20)
def test_a_patient_is_never_on_two_sides(images, seed):
    split = assign_patients(images, own(images), FRACTIONS, seed=seed)

    assert not leaking_patients(images.patient_id, split)
    assert set(split) <= set(FRACTIONS)


@given(images=cohorts, seed=st.integers(0, 50))
@settings(deadline=None, max_examples=20)
def test_a_group_is_never_on_two_sides(images, seed):
    split = assign_patients(images, joined(images), FRACTIONS, seed=seed)

    assert not leaking_patients(joined(images), split)


@given(images=cohorts, seed=st.integers(0, 50))
@settings(deadline=None, max_examples=20)
def test_quotas_are_exact_to_one_patient_in_every_stratum_and_overall(images, seed):
    split = assign_patients(images, own(images), FRACTIONS, seed=seed)

    side = split.groupby(images.patient_id).first()
    for part in [side, *(part for _, part in side.groupby(strata(images)))]:
        for name, fraction in FRACTIONS.items():
            assert abs((part == name).sum() - fraction * len(part)) < 1


@given(images=cohorts, seed=st.integers(0, 50))
@settings(deadline=None, max_examples=15)
def test_the_order_of_rows_does_not_matter(images, seed):
    shuffled = images.sample(frac=1, random_state=seed)

    once = assign_patients(images, joined(images), FRACTIONS, seed=seed)
    again = assign_patients(shuffled, joined(shuffled), FRACTIONS, seed=seed)

    pd.testing.assert_series_equal(once, again.sort_index())


def test_the_same_seed_gives_the_same_split_in_every_version():
    """A model of before must find its test patients where they were."""
    images = cohort(200, seed=3)
    split = assign_patients(images, joined(images), FRACTIONS, seed=20240131)
    told = split_hash(images.image_id, split)

    assert told == "aeeac73b764f79c2ec02bf9b3b5ac2964df0be405e67d2ca4c071da68e9daa37"


def test_the_seed_decides():
    images = cohort(100)

    splits = [
        assign_patients(images, own(images), FRACTIONS, seed=seed) for seed in (1, 1, 2)
    ]

    assert splits[0].equals(splits[1])
    assert not splits[0].equals(splits[2])


def test_every_patient_of_a_stratum_may_come_into_test():
    images = cohort(20).assign(view="PA", abnormal=False)
    seen = {
        patient
        for seed in range(100)
        for patient in images.patient_id[
            assign_patients(images, own(images), FRACTIONS, seed=seed) == "test"
        ]
    }

    assert seen == set(images.patient_id)


def test_studies_follow_the_fractions_too():
    images = cohort(1000)

    split = assign_patients(images, own(images), FRACTIONS, seed=0)

    share = images.study_id.groupby(split).nunique() / images.study_id.nunique()
    for name, fraction in FRACTIONS.items():
        assert share[name] == pytest.approx(fraction, abs=0.01)


def test_one_huge_group_goes_to_one_side_and_the_rest_fills_up():
    images = cohort(40)
    group = images.patient_id.where(images.patient_id > "p0030", "p0000")

    split = assign_patients(images, group, FRACTIONS, seed=0)

    assert split[group == "p0000"].unique().tolist() == ["train"]
    assert split.notna().all()


@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=8),
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_rounding_errors_do_not_add_up(sizes, shares):
    fractions = {f"side {k}": s / sum(shares) for k, s in enumerate(shares)}

    table = quotas(sizes, fractions)

    exact = np.outer(sizes, list(fractions.values()))
    assert (table.sum(axis=1) == sizes).all()
    assert (np.abs(table - exact) < 1).all()
    assert (np.abs(table.sum(axis=0) - exact.sum(axis=0)) < 1).all()


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=3),
)
@settings(deadline=None, max_examples=60)
def test_no_other_rounding_has_better_sums_or_with_equal_sums_better_cells(
    sizes, shares
):
    fractions = {f"side {k}": s / sum(shares) for k, s in enumerate(shares)}
    exact = np.outer(sizes, list(fractions.values()))

    found = quotas(sizes, fractions)

    assert costs(found, exact) == min(
        costs(table, exact) for table in every_rounding(exact)
    )


def every_rounding(exact):
    """Round cells up or down, each row to its own sum, in every way."""
    low = np.floor(exact + 1e-9).astype(int)
    part = exact - low > 1e-9
    rows = []
    for row, size in enumerate(exact.sum(axis=1).round().astype(int)):
        chosen = combinations(np.flatnonzero(part[row]), size - low[row].sum())
        ups = [np.isin(np.arange(exact.shape[1]), list(up)) for up in chosen]
        rows.append([low[row] + up for up in ups])
    return (np.array(table) for table in product(*rows))


def costs(table, exact):
    sums = ((table.sum(axis=0) - exact.sum(axis=0)) ** 2).sum()
    return round(float(sums), 6), round(float(((table - exact) ** 2).sum()), 6)


def test_whole_quotas_are_met_exactly():
    assert quotas([100, 50, 10], FRACTIONS).tolist() == [
        [70, 20, 10],
        [35, 10, 5],
        [7, 2, 1],
    ]


def test_cases_are_drawn_one_by_one_and_patients_leak():
    images = cohort(200)

    split = assign_cases(images.image_id, FRACTIONS, seed=0)

    assert abs((split == "train").sum() - 0.7 * len(images)) < 1
    assert leaking_patients(images.patient_id, split)


def test_an_empty_split_is_refused_in_one_sentence():
    images = cohort(2).assign(split="train")
    images["abnormal"] = images.index % 2 == 0

    with pytest.raises(DataError, match=r"split 'val' has no images: 2 patients with"):
        check_not_empty(images, list(FRACTIONS))


def test_a_split_without_images_is_told_before_one_without_both_answers():
    images = cohort(3).assign(split="train", abnormal=True)

    with pytest.raises(DataError, match="split 'test' has no images"):
        check_not_empty(images, ["train", "test"])


@pytest.mark.parametrize(("abnormal", "word"), [(True, "abnormal"), (False, "normal")])
def test_a_split_without_both_answers_is_refused(abnormal, word):
    images = cohort(3).assign(split="val", abnormal=abnormal).head(1)

    with pytest.raises(DataError, match=f"split 'val' has only {word} studies"):
        check_not_empty(images, ["val"])


def quarantined(*rows):
    names = ["image_id", "study_id", "patient_id", "abnormal", "reason"]
    return pd.DataFrame(rows, columns=names)


def test_a_study_without_a_readable_image_lies_on_its_patients_side():
    images = cohort(30)
    images["split"] = assign_patients(images, own(images), FRACTIONS, seed=0)
    known = images.drop_duplicates("patient_id").set_index("patient_id").split
    lost = quarantined(
        *((f"lost{p}", f"lost{p}", p, True, "blank") for p in known.index),
        ("more", images.study_id[0], images.patient_id[0], True, "blank"),
    )

    found = side_of_unreadable(lost, images, FRACTIONS, seed=0)

    assert dict(zip(found.patient_id, found.split, strict=True)) == dict(known)
    assert images.study_id[0] not in set(found.study_id)  # it has a readable image


def test_patients_without_any_readable_image_are_drawn_by_the_fractions():
    images = cohort(3).assign(split="train")
    people = [f"lost{n:04d}" for n in range(2000)]
    lost = quarantined(
        *((f"{p}a", f"{p}s", p, False, "too_large") for p in people),
        *((f"{p}b", f"{p}s", p, False, "blank|undecodable") for p in people),
        *((f"{p}c", f"{p}t", p, True, "blank") for p in people),
    )

    found = side_of_unreadable(lost, images, FRACTIONS, seed=1)
    shuffled = side_of_unreadable(lost[::-1], images, FRACTIONS, seed=1)

    assert found.equals(shuffled)
    assert (found.groupby("patient_id").split.nunique() == 1).all()
    assert list(found.study_id) == sorted(found.study_id)
    assert found.reason[0] == "blank|too_large|undecodable"
    assert list(found.abnormal[:2]) == [False, True]
    drawn = found.drop_duplicates("patient_id").split.value_counts(normalize=True)
    for side, share in FRACTIONS.items():  # four standard deviations
        assert abs(drawn[side] - share) < 4 * (share * (1 - share) / 2000) ** 0.5
