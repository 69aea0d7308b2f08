import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.system.errors import DataError, LeakError


def points(probability, abnormal, *, high_sensitivity=0.9):
    return choose_points(
        probability,
        abnormal,
        ["val"] * len(abnormal),
        high_sensitivity=high_sensitivity,
    )


def recalls(probability, abnormal, threshold):
    flagged = np.asarray(probability) >= threshold
    abnormal = np.asarray(abnormal)
    return flagged[abnormal].mean(), (~flagged)[~abnormal].mean()


CASES = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=st.sampled_from(np.linspace(0, 1, 21))),
        hnp.arrays(bool, n).filter(lambda a: a.any() and not a.all()),
    )
)


@settings(deadline=None, max_examples=60)
@given(CASES)
def test_no_other_threshold_brings_the_recalls_closer(case):
    probability, abnormal = case

    balanced, _ = points(probability, abnormal)

    def gap(threshold):
        asf, nsf = recalls(probability, abnormal, threshold)
        return abs(asf - nsf)

    every = np.unique(np.concatenate([probability, [2.0]]))
    assert gap(balanced.threshold) <= min(map(gap, every[:-1])) + 1e-9


@settings(deadline=None, max_examples=60)
@given(CASES, st.sampled_from([0.6, 0.9, 0.98]))
def test_high_sensitivity_reaches_what_was_asked_and_is_never_above_balanced(
    case, asked
):
    probability, abnormal = case

    balanced, sensitive = points(probability, abnormal, high_sensitivity=asked)

    assert recalls(probability, abnormal, sensitive.threshold)[0] >= asked
    assert sensitive.threshold <= balanced.threshold


@settings(deadline=None, max_examples=30)
@given(CASES, st.randoms(use_true_random=False))
def test_order_of_the_rows_moves_nothing(case, random):
    probability, abnormal = case
    order = np.array(random.sample(range(len(abnormal)), len(abnormal)))

    assert points(probability, abnormal) == points(probability[order], abnormal[order])


def test_thresholds_lie_midway_between_two_studies():
    probability = [0.1, 0.2, 0.6, 0.8]
    abnormal = [False, False, True, True]

    balanced, sensitive = points(probability, abnormal)

    assert balanced.threshold == pytest.approx(0.4)
    assert sensitive.threshold == balanced.threshold


def test_high_sensitivity_is_the_highest_threshold_that_is_enough():
    probability = [0.05, 0.10, 0.30, 0.50, 0.90, 0.20, 0.40, 0.60, 0.70, 0.80]
    abnormal = [True] * 5 + [False] * 5

    _, all_found = points(probability, abnormal, high_sensitivity=0.99)
    _, four_found = points(probability, abnormal, high_sensitivity=0.80)

    assert all_found.threshold == pytest.approx(0.025)
    assert four_found.threshold == pytest.approx(0.075)


def test_neighbouring_floats_are_still_told_apart():
    low = 0.5
    high = np.nextafter(low, 1)

    balanced, _ = points([low, high], [False, True])

    assert recalls([low, high], [False, True], balanced.threshold) == (1, 1)


def test_test_rows_are_refused():
    with pytest.raises(LeakError, match=r"chosen on val alone, but got 1 of test"):
        choose_points(
            [0.1, 0.9, 0.8], [False, True, True], ["val", "val", "test"],
            high_sensitivity=0.9,
        )  # fmt: skip


def test_val_without_both_classes_is_refused_in_one_sentence():
    with pytest.raises(DataError, match="val holds 2 ASF and 0 NSF studies"):
        points([0.1, 0.9], [True, True])


def test_a_probability_that_is_not_a_number_is_refused():
    with pytest.raises(DataError, match="1 of 2 probabilities are not numbers"):
        points([0.1, float("nan")], [True, False])
