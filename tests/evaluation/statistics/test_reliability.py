import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from cxrmlops.evaluation.statistics.reliability import (
    bin_of,
    brier_figure,
    calibration_line,
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


def test_brier_equals_scikit_learns():
    rng = np.random.default_rng(0)
    probability, abnormal = rng.random(50), rng.random(50) < 0.4

    figure = brier_figure(probability, abnormal)(np.ones((1, 50)))[0]

    assert figure == pytest.approx(brier_score_loss(abnormal, probability))


def test_probabilities_of_zero_and_one_are_survived():
    abnormal = np.arange(40) % 3 == 0
    sure = np.arange(40) % 2 == 0

    found = calibration_line(np.where(sure, 1.0, 0.0), abnormal, np.arange(40))

    # two points have a line of their own; 0 and 1 count as 1e-9 and 1 - 1e-9
    rise = logit(abnormal[sure].mean()) - logit(abnormal[~sure].mean())
    slope = rise / (2 * logit(1 - 1e-9))
    assert found["calibration_slope"].value == pytest.approx(slope, rel=1e-6)


def test_copies_of_a_study_do_not_make_the_slope_surer():
    rng = np.random.default_rng(0)
    probability = rng.random(100)
    abnormal, patient = rng.random(100) < probability, np.arange(100)

    once = calibration_line(probability, abnormal, patient)["calibration_slope"]
    copies = [np.repeat(each, 4) for each in (probability, abnormal, patient)]
    copied = calibration_line(*copies)["calibration_slope"]

    assert copied.value == pytest.approx(once.value)
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.02)


def cohort(n=600, *, slope=1.0, shift=0.0, seed=0):
    """Draw answers for which expit(slope * logit + shift) is the truth."""
    rng = np.random.default_rng(seed)
    at = rng.normal(0, 1.5, n)
    return expit(at), rng.random(n) < expit(slope * at + shift), np.arange(n) // 2


@pytest.mark.parametrize("shift", [-0.7, 0.7])
@pytest.mark.parametrize("slope", [0.5, 1.0])
def test_slope_and_intercept_solve_their_equations_and_err_patient_by_patient(
    slope, shift
):
    probability, abnormal, patient = cohort(slope=slope, shift=shift)
    at, n = logit(probability), len(abnormal)

    found = calibration_line(probability, abnormal, patient)

    # intercept: as many abnormal as foreseen, once every logit is moved by it
    moved = brentq(lambda by: (abnormal - expit(at + by)).sum(), -5, 5)
    assert found["calibration_intercept"].value == pytest.approx(moved, abs=1e-6)
    assert np.sign(moved) == np.sign(shift), "above 0: the reader says too little"
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(at[:, None], abnormal)
    free = fit.coef_[0, 0]
    assert found["calibration_slope"].value == pytest.approx(free, abs=1e-4)
    # sandwich: patients' sums of residuals, by G/(G-1) (n-1)/(n-k), as Stata does
    pairs = n // 2
    left = (abnormal - expit(at + moved)).reshape(pairs, 2).sum(axis=1)
    bread = np.sum(expit(at + moved) * (1 - expit(at + moved)))
    error = np.sqrt((left**2).sum() * pairs / (pairs - 1)) / bread
    intercept = found["calibration_intercept"]
    assert intercept.high - intercept.value == pytest.approx(1.959964 * error, rel=1e-4)
    assert intercept.value - intercept.low == pytest.approx(1.959964 * error, rel=1e-4)
    assert intercept.n == found["calibration_slope"].n == n


@pytest.mark.parametrize("turned", [False, True])
def test_classes_that_are_wholly_apart_have_neither_slope_nor_intercept(turned):
    probability = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    abnormal = (probability > 0.5) ^ turned

    assert calibration_line(probability, abnormal, np.arange(6)) == {}
