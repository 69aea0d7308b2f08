import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.statistics.intervals import (
    Interval,
    by_patient,
    design_effect,
    percentile,
    proportion,
    ratio,
    resampled,
    wilson,
)
from cxrmlops.evaluation.statistics.ranking import auc_figure


def draw(n=60, *, seed=0):
    rng = np.random.default_rng(seed)
    abnormal = np.arange(n) % 2 == 0
    return abnormal * 0.3 + rng.random(n), abnormal, np.arange(n)


def test_copies_of_one_study_do_not_make_us_surer():
    score, abnormal, patient = draw()

    once = by_patient({"auc": auc_figure(score, abnormal)}, patient, rounds=200)
    copied = [np.repeat(each, 5) for each in (score, abnormal, patient)]
    again = by_patient({"auc": auc_figure(*copied[:2])}, copied[2], rounds=200)

    np.testing.assert_allclose(once["auc"], again["auc"])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 6))
def test_copies_of_one_study_leave_a_share_as_unsure_as_it_was(hits, misses, copies):
    hit = np.repeat([True, False], [hits, misses])
    patient = np.arange(len(hit))

    once = proportion(hit, patient)
    copied = proportion(np.repeat(hit, copies), np.repeat(patient, copies))

    assert (once.low, once.high) == pytest.approx((copied.low, copied.high))
    assert copied.n == copies * once.n


def test_one_study_a_patient_is_wilson_itself():
    hit = np.arange(148) < 15

    assert proportion(hit, np.arange(148)) == wilson(15, 148)


@pytest.mark.parametrize(
    ("found", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 1998;17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_limits(found, n, low, high):
    interval = wilson(found, n)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_no_study_has_no_share():
    assert proportion([], []) is None


def test_the_order_of_rows_does_not_move_the_bootstrap():
    score, abnormal, patient = draw()
    order = np.random.default_rng(1).permutation(len(score))

    straight = by_patient({"auc": auc_figure(score, abnormal)}, patient, rounds=50)
    shuffled = by_patient(
        {"auc": auc_figure(score[order], abnormal[order])}, patient[order], rounds=50
    )

    np.testing.assert_allclose(straight["auc"], shuffled["auc"])


def test_blocks_of_memory_do_not_move_the_bootstrap():
    patient = np.arange(30) // 2

    whole = np.concatenate(list(resampled(patient, rounds=20, seed=3)))
    blocks = np.concatenate(list(resampled(patient, rounds=20, seed=3, block=90)))

    np.testing.assert_array_equal(whole, blocks)
    assert whole.shape == (20, 30), "every round that was asked for, every study"
    assert (whole[:, 0::2] == whole[:, 1::2]).all(), "a patient is drawn whole"
    np.testing.assert_array_equal(whole[:, ::2].sum(axis=1), 15)


def test_weighted_figures_equal_the_figures_of_the_drawn_rows():
    score, abnormal, patient = draw()
    weights = next(resampled(patient, rounds=5, seed=0))

    fast = auc_figure(score, abnormal)(weights)

    for weight, value in zip(weights, fast, strict=True):
        rows = np.repeat(np.arange(len(score)), weight.astype(int))
        assert value == pytest.approx(roc_auc_score(abnormal[rows], score[rows]))


def test_rounds_without_both_classes_are_left_out():
    score, abnormal, patient = draw(4)

    draws = by_patient({"auc": auc_figure(score, abnormal)}, patient, rounds=100)["auc"]
    interval = percentile(0.5, draws, n=4)

    assert np.isnan(draws).any()
    assert np.isfinite([interval.low, interval.high]).all()


def test_a_ratio_covers_the_one_of_the_limits_alone():
    above, below = wilson(90, 100), wilson(10, 100)

    interval = ratio(above, below)

    assert interval.value == pytest.approx(9)
    # Katz's log interval is the usual approximation; ours may differ by a few percent
    step = 1.96 * np.sqrt(1 / 90 - 1 / 100 + 1 / 10 - 1 / 100)
    katz = 9 * np.exp([-step, step])
    assert (interval.low, interval.high) == pytest.approx(tuple(katz), rel=0.08)


def test_a_ratio_to_nothing_is_infinite_with_a_finite_lower_limit():
    interval = ratio(wilson(90, 100), wilson(0, 100))

    assert interval.value == np.inf
    assert 20 < interval.low < 30


def test_percentile_limits_cut_off_2_5_percent_on_either_side():
    found = percentile(500, np.arange(1001.0), n=9)

    assert (found.low, found.value, found.high) == (25, 500, 975)


def test_a_bootstrap_without_a_single_figure_says_nothing():
    interval = percentile(0.5, np.array([np.nan]), n=1)

    assert np.isnan([interval.low, interval.high]).all()


def test_an_interval_reads_like_a_sentence_part():
    assert str(Interval(0.96, 0.951, 0.969, 2013)) == "0.960 (0.951 to 0.969)"


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    rng = np.random.default_rng(0)
    truth = rng.random(500) < 0.5
    figure = {"brier": lambda w: (w @ (0.5 - truth * 0.4) ** 2) / w.sum(axis=1)}

    draws = by_patient(figure, np.arange(500), rounds=2000)["brier"]

    spread = ((0.5 - truth * 0.4) ** 2).std() / np.sqrt(500)
    assert draws.std() == pytest.approx(spread, rel=0.05)


def test_the_design_effect_is_the_variance_of_patient_sums_over_that_of_studies():
    residual = np.array([0.4, 0.4, -0.2, -0.6])
    patient = np.array([0, 0, 1, 2])

    # (.8^2 + .2^2 + .6^2) / (.4^2 + .4^2 + .2^2 + .6^2), by hand
    assert design_effect(residual, patient) == pytest.approx(1.04 / 0.72)


def test_patients_whose_studies_differ_make_nobody_surer_than_independent_ones():
    assert design_effect(np.array([0.5, -0.5, 0.5, -0.5]), np.array([0, 0, 1, 1])) == 1


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1 / 3, 0.9])
def test_a_ratio_of_figures_known_exactly_is_known_exactly(value):
    """Rounding makes the term below the root negative there."""
    exact, divisor = Interval(value, value, value, 9), Interval(0.7, 0.7, 0.7, 9)

    found = ratio(exact, divisor)

    assert [found.low, found.high] == pytest.approx([value / 0.7] * 2, abs=1e-6)
