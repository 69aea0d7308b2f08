import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from cxrmlops.evaluation.reliability import (
    bin_of,
    brier_figure,
    ece_figure,
    line,
    reliability,
)


def test_bins_hold_equally_many_studies():
    number = bin_of(np.random.default_rng(0).random(200), bins=10)

    np.testing.assert_array_equal(np.bincount(number), 20)


def test_equal_probabilities_share_a_bin():
    number = bin_of(np.repeat([0.1, 0.5, 0.9], [50, 3, 2]), bins=10)

    assert [len(set(number[a:b])) for a, b in [(0, 50), (50, 53), (53, 55)]] == [
        1,
        1,
        1,
    ]
    assert number.max() < 3


def test_bins_of_the_diagram_add_up_to_the_error():
    rng = np.random.default_rng(0)
    probability, abnormal = rng.random(300), rng.random(300) < 0.4

    table = reliability(probability, abnormal, np.arange(300), bins=10)
    ece = ece_figure(probability, abnormal, bins=10)(np.ones((1, 300)))[0]

    gaps = [
        each.observed.n * abs(each.observed.value - each.predicted) for each in table
    ]
    assert sum(gaps) / 300 == pytest.approx(ece)
    assert sum(each.observed.n for each in table) == 300


def test_brier_equals_scikit_learns():
    rng = np.random.default_rng(0)
    probability, abnormal = rng.random(50), rng.random(50) < 0.4

    figure = brier_figure(probability, abnormal)(np.ones((1, 50)))[0]

    assert figure == pytest.approx(brier_score_loss(abnormal, probability))


def test_a_perfect_oracle_has_no_error():
    abnormal = np.arange(20) % 2 == 0

    assert ece_figure(abnormal * 1.0, abnormal, bins=10)(np.ones((1, 20)))[0] == 0


def test_probabilities_of_zero_and_one_are_survived():
    abnormal = np.arange(40) % 3 == 0
    probability = np.where(np.arange(40) % 2 == 0, 1.0, 0.0)

    assert line(probability, abnormal, np.arange(40))


def test_copies_of_a_study_do_not_make_the_slope_surer():
    rng = np.random.default_rng(0)
    probability = rng.random(100)
    abnormal, patient = rng.random(100) < probability, np.arange(100)

    once = line(probability, abnormal, patient)["calibration_slope"]
    copies = [np.repeat(each, 4) for each in (probability, abnormal, patient)]
    copied = line(*copies)["calibration_slope"]

    assert copied.value == pytest.approx(once.value)
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.02)
