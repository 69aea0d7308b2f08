import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.monitoring.drift import Reference, Rules, Window, compare
from tests.make import make_watched

RULES = Rules(false_alarms=0.01, min_studies=20, min_group_studies=50, min_shift=0.05)


def told(now: pd.DataFrame, *, val=None, baseline=None, rules=RULES, site="here"):
    val = make_watched(600, seed=1) if val is None else val
    baseline = make_watched(500, seed=2) if baseline is None else baseline
    reference = Reference(val, len(val), baseline)
    return compare((Window(14, now),), reference, site=site, rules=rules)


def raised(shifts):
    return {(one.kind, one.feature) for one in shifts if one.is_alarm}


def test_nights_like_val_raise_no_alarm():
    shifts = told(make_watched(300, seed=3))

    assert raised(shifts) == set()


def test_kinds_share_the_allowance_and_so_do_the_comparisons_of_a_kind():
    shifts = told(make_watched(300, seed=3))

    assert sum(one.limit for one in shifts) == pytest.approx(0.01)
    for kind in {one.kind for one in shifts}:
        limits = [one.limit for one in shifts if one.kind == kind]
        assert sum(limits) == pytest.approx(0.01 / 5)
        assert len(set(limits)) == 1
    assert [one.p for one in shifts] == sorted(one.p for one in shifts)


def test_a_new_vendor_is_named_as_one_that_val_does_not_have():
    now = make_watched(100, seed=3).assign(manufacturer="Newcomer")

    shifts = told(now)

    assert ("headers", "manufacturer = not in val") in raised(shifts)
    assert ("headers", "manufacturer = A") in raised(shifts)


def test_darker_images_are_an_alarm_of_the_picture_alone():
    now = make_watched(200, seed=3)

    shifts = told(now.assign(mean=now["mean"] - 0.1))

    assert raised(shifts) == {("picture", "mean")}


def test_a_change_within_one_vendor_is_shown_in_its_own_group():
    now = make_watched(400, seed=3)
    darker = now["mean"].where(now.manufacturer != "B", now["mean"] - 0.1)

    shifts = told(now.assign(mean=darker))

    groups = {one.group for one in shifts if one.is_alarm and one.feature == "mean"}
    assert "manufacturer = B" in groups
    assert "manufacturer = A" not in groups


def test_a_surely_smaller_shift_than_asked_is_no_alarm():
    now = make_watched(200, seed=3)
    strict = Rules(**vars(RULES) | {"min_shift": 0.99})

    shifts = told(now.assign(mean=now["mean"] - 0.1), rules=strict)

    assert raised(shifts) == set()


def test_rejects_are_compared_with_the_first_nights():
    now = make_watched(200, seed=3, rejected=60)

    shifts = told(now)

    assert ("rejects", "rejected = not_evaluable") in raised(shifts)
    assert {kind for kind, _ in raised(shifts)} == {"rejects"}


def test_without_first_nights_rejects_are_not_compared():
    shifts = told(
        make_watched(200, seed=3, rejected=60), baseline=make_watched(0, seed=2)
    )

    assert [one for one in shifts if one.kind == "rejects"] == []


def test_too_few_studies_are_not_compared():
    shifts = told(make_watched(19, seed=3), baseline=make_watched(0, seed=2))

    assert shifts == []


def test_what_is_not_known_is_not_compared():
    now = make_watched(100, seed=3)

    shifts = told(now.assign(distance=np.nan))

    assert "distance" not in {one.feature for one in shifts}


def test_a_site_is_compared_with_its_own_studies_of_val():
    val = make_watched(600, seed=1)
    val = val.assign(source=["here", "there"] * 300)

    shifts = told(make_watched(100, seed=3), val=val)

    assert "site = here" in {one.group for one in shifts}
