import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from benchmarks.interval_coverage import Miscalibrated, errors, missed, true_error
from cxrmlops.evaluation.statistics.calibration_error import (
    calibration_error,
    ece_of_noise,
)
from cxrmlops.evaluation.statistics.reliability import reliability

DRAWING = {"rounds": 2000, "seed": 1}


def test_the_error_is_the_mean_distance_of_the_bins_of_the_diagram():
    rng = np.random.default_rng(0)
    probability, abnormal = rng.random(300), rng.random(300) < 0.4

    table = reliability(probability, abnormal, np.arange(300), bins=10)
    found = calibration_error(probability, abnormal, np.arange(300), bins=10, **DRAWING)

    gaps = [
        each.observed.n * abs(each.observed.value - each.predicted) for each in table
    ]
    assert found.value == pytest.approx(sum(gaps) / 300)
    assert found.n == 300


def test_a_perfect_oracle_has_no_error():
    abnormal = np.arange(20) % 2 == 0

    found = calibration_error(
        abnormal * 1.0, abnormal, np.arange(20), bins=10, **DRAWING
    )

    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_limits_with_one_bin_are_those_of_the_distance_of_a_share():
    n, share = 400, 0.5
    abnormal = np.arange(n) < 0.62 * n

    found = calibration_error(
        np.full(n, share), abnormal, np.arange(n), bins=10, rounds=200_000, seed=1
    )

    # |share - .5| = .12, far from 0: the limits of a share, by the error that is
    # foreseen, which is the larger one here
    step = 1.959964 * np.sqrt(share * (1 - share) / n)
    assert found.value == pytest.approx(0.12)
    assert (found.low, found.high) == pytest.approx(
        (0.12 - step, 0.12 + step), abs=5e-4
    )


def test_bins_that_show_one_class_alone_are_not_certain():
    probability = np.repeat([0.1, 0.9], 40)
    abnormal = probability > 0.5

    found = calibration_error(probability, abnormal, np.arange(80), bins=10, **DRAWING)

    assert found.value == pytest.approx(0.1)
    assert found.high > 0.1 + 1.5 * np.sqrt(0.09 / 80)


def test_an_error_that_noise_alone_would_show_has_the_lower_limit_0():
    rng = np.random.default_rng(0)
    probability = rng.random(400)
    abnormal = rng.random(400) < probability

    found = calibration_error(probability, abnormal, np.arange(400), bins=10, **DRAWING)

    assert found.low == 0 < found.value < found.high
    assert found.value < ece_of_noise(probability, bins=10, **DRAWING).high


def test_copies_of_a_study_do_not_make_the_error_surer():
    rng = np.random.default_rng(0)
    probability = np.round(rng.random(200), 2)
    abnormal, patient = rng.random(200) < probability**2, np.arange(200)

    once = calibration_error(probability, abnormal, patient, bins=5, **DRAWING)
    copied = calibration_error(
        *(np.repeat(each, 3) for each in (probability, abnormal, patient)),
        bins=5,
        **DRAWING,
    )

    assert copied.value == pytest.approx(once.value)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=2e-3)


SMALL = {"studies": 340, "patients": 340, "correlation": 0.0}
TWICE = {"studies": 600, "patients": 300, "correlation": 0.5}


@pytest.mark.integration
@pytest.mark.parametrize("cohort", [SMALL, TWICE], ids=["one a patient", "two"])
@pytest.mark.parametrize(
    ("slope", "shift"), [(1.0, 0.15), (1.0, 0.6), (0.6, 0.0), (1.5, 0.0)]
)
def test_either_end_misses_the_true_error_in_about_2_of_100_cohorts(
    cohort, slope, shift
):
    setting = Miscalibrated(**cohort, slope=slope, shift=shift)

    low, high = missed(errors(setting, 300), true_error(setting))

    # of 300, where 2.5 % is asked: 6 % and more come with a chance of .1 %. Measured
    # with 1,500: at most 2.3 %, but 4.2 % above with 340 studies and slope .6. The
    # reflected bootstrap that was here before had the upper end too low in 5 to 15 %.
    assert low <= 6
    assert high <= 6


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_the_error_of_noise_is_that_of_binomial_draws(share):
    n = 40

    noise = ece_of_noise(np.full(n, share), bins=10, rounds=20_000, seed=1)

    # equal probabilities share one bin, whose error is |k / n - share|
    count = np.arange(n + 1)
    error = np.round(np.abs(count / n - share), 9)
    chance = binom.pmf(count, n, share)
    order = np.argsort(error)
    below = np.cumsum(chance[order])
    limits = [error[order][np.searchsorted(below, at)] for at in (0.025, 0.975)]
    assert noise.value == pytest.approx((chance * error).sum(), rel=0.02)
    assert (noise.low, noise.high) == pytest.approx(limits, abs=1e-6)
    assert noise.n == n


def test_the_error_of_noise_adds_up_bins_by_their_size():
    probability = np.repeat([0.2, 0.7], [30, 10])

    noise = ece_of_noise(probability, bins=4, rounds=20_000, seed=1)

    def mean_error(n, share):
        count = np.arange(n + 1)
        return (binom.pmf(count, n, share) * np.abs(count / n - share)).sum()

    both = (30 * mean_error(30, 0.2) + 10 * mean_error(10, 0.7)) / 40
    assert noise.value == pytest.approx(both, rel=0.02)


def test_a_bin_of_few_expected_cases_that_shows_none_is_not_certain():
    probability = expit(np.linspace(-6, -4, 400))  # 3.2 cases are foreseen
    nothing = np.zeros(400, dtype=bool)

    found = calibration_error(probability, nothing, np.arange(400), bins=10, **DRAWING)

    assert found.value == pytest.approx(probability.mean())
    assert found.low < 0.5 * found.value
