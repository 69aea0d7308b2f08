import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from benchmarks.interval_coverage import Ranked, areas, missed
from cxrmlops.evaluation.statistics.intervals import by_patient
from cxrmlops.evaluation.statistics.ranking import (
    auc,
    auc_figure,
    auc_interval,
    auprc_figure,
    hanley_mcneil,
    newcombe,
    recall_at_figure,
    standard_error,
)

CASES = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=st.sampled_from(np.linspace(0, 1, 11))),
        hnp.arrays(bool, n).filter(lambda a: 2 <= a.sum() <= len(a) - 2),
    )
)


def binormal(n=400, *, shift=1.5, seed=0):
    rng = np.random.default_rng(seed)
    abnormal = np.arange(n) % 2 == 0
    return rng.normal(size=n) + shift * abnormal, abnormal


def all_once(n):
    return np.ones((1, n))


@settings(deadline=None, max_examples=60)
@given(CASES)
def test_areas_equal_scikit_learns(case):
    score, abnormal = case

    expected = roc_auc_score(abnormal, score)
    precision = average_precision_score(abnormal, score)

    weights = all_once(len(score))
    assert auc(score, abnormal, np.arange(len(score))).value == pytest.approx(expected)
    assert auc_figure(score, abnormal)(weights)[0] == pytest.approx(expected)
    assert auprc_figure(score, abnormal)(weights)[0] == pytest.approx(precision)


@settings(deadline=None, max_examples=60)
@given(CASES)
def test_variance_equals_delongs_written_out_pair_by_pair(case):
    score, abnormal = case
    asf, nsf = score[abnormal], score[~abnormal]
    wins = (asf[:, None] > nsf) + 0.5 * (asf[:, None] == nsf)

    slow = wins.mean(1).var(ddof=1) / len(asf) + wins.mean(0).var(ddof=1) / len(nsf)
    patient = np.arange(len(score))
    fast = standard_error(auc(score, abnormal, patient).influence, patient)

    assert fast**2 == pytest.approx(slow, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(CASES)
def test_only_the_order_of_the_scores_counts(case):
    score, abnormal = case
    patient = np.arange(len(score))

    plain = auc_interval(score, abnormal, patient)
    bent = auc_interval(np.exp(3 * score) - 7, abnormal, patient)

    assert plain == bent


def test_delong_gives_the_published_interval():
    # 113 patients after subarachnoid haemorrhage, WFNS grade 1-5 against outcome
    # (Turck et al., Intensive Care Med 2010;36:107); AUC 0.8237, 95 % 0.7485-0.8988
    # as printed by pROC (Robin et al., BMC Bioinformatics 2011;12:77)
    grade = np.repeat([1, 2, 3, 4, 5] * 2, [2, 12, 1, 8, 18, 37, 20, 3, 8, 4])
    poor = np.repeat([True, False], [41, 72])
    patient = np.arange(113)

    found = auc(grade, poor, patient)
    step = 1.96 * standard_error(found.influence, patient)

    assert found.value == pytest.approx(0.8237, abs=5e-5)
    assert found.value - step == pytest.approx(0.7485, abs=5e-5)
    assert found.value + step == pytest.approx(0.8988, abs=5e-5)


def test_delong_agrees_with_the_bootstrap_also_where_patients_come_twice():
    score, abnormal = binormal(600)
    patient = np.arange(600) // 4

    delong = auc_interval(score, abnormal, patient)
    draws = by_patient({"auc": auc_figure(score, abnormal)}, patient, rounds=2000)
    low, high = np.percentile(draws["auc"], [2.5, 97.5])

    assert (delong.low, delong.high) == pytest.approx((low, high), abs=8e-3)
    error = standard_error(auc(score, abnormal, patient).influence, patient)
    assert error == pytest.approx(draws["auc"].std(), rel=0.05)


def test_copies_of_a_study_do_not_make_the_auc_surer():
    score, abnormal = binormal(60)
    patient = np.arange(60)

    once = auc_interval(score, abnormal, patient)
    copied = auc_interval(*(np.repeat(each, 3) for each in (score, abnormal, patient)))

    assert (once.low, once.high) == pytest.approx((copied.low, copied.high))


def test_perfect_separation_is_not_perfect_certainty():
    few = auc_interval([0, 0, 1, 1], [False, False, True, True], [1, 2, 3, 4])
    many = auc_interval(
        np.repeat([0, 1], 100), np.repeat([False, True], 100), np.arange(200)
    )

    assert few.value == many.value == 1
    assert few.low < 0.6 < 0.95 < many.low < few.high == many.high == 1


def test_an_auc_of_0_has_the_limits_of_an_auc_of_1_mirrored():
    low, high = newcombe(1.0, 40, 60)

    assert newcombe(0.0, 60, 40) == pytest.approx((0, 1 - low))
    assert high == 1


def test_swapping_the_classes_mirrors_the_limits():
    low, high = newcombe(0.9, 40, 60)

    assert newcombe(0.1, 60, 40) == pytest.approx((1 - high, 1 - low))


def test_hanley_and_mcneil_give_the_source_studys_interval():
    interval = hanley_mcneil(0.96, 1018, 995)

    assert (round(interval.low, 3), round(interval.high, 3)) == (0.951, 0.969)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.98])
def test_recall_at_the_other_recall_is_read_off_the_roc_curve(level):
    score, abnormal = binormal(300)
    wrong, found, _ = roc_curve(abnormal, score)

    figure = recall_at_figure(score, abnormal, other=level)(all_once(300))[0]

    assert figure == pytest.approx(found[wrong <= 1 - level + 1e-9].max())


def test_a_draw_without_normals_has_no_area():
    score, abnormal = binormal(10)
    weights = abnormal[None, :].astype(float)

    for make in (auc_figure, auprc_figure):
        assert np.isnan(make(score, abnormal)(weights)[0])
    assert np.isnan(recall_at_figure(score, abnormal, other=0.9)(weights)[0])


def test_a_draw_without_the_highest_score_has_the_precision_of_the_others():
    score, abnormal = binormal(40)
    weights = np.random.default_rng(0).integers(1, 4, 40)
    weights[np.argsort(score)[-3:]] = 0

    found = auprc_figure(score, abnormal)(weights[None, :].astype(float))[0]

    expected = average_precision_score(abnormal, score, sample_weight=weights)
    assert found == pytest.approx(expected)


def exponential(true, n_asf, n_nsf):
    """Write out Hanley and McNeil's variance (Radiology 1982;143:29)."""
    q1, q2 = true / (2 - true), 2 * true**2 / (1 + true)
    above = true * (1 - true) + (n_asf - 1) * (q1 - true**2)
    return (above + (n_nsf - 1) * (q2 - true**2)) / (n_asf * n_nsf)


@pytest.mark.parametrize("sides", [(30, 30), (20, 90)])
def test_limits_lie_where_the_value_is_196_moderated_errors_away(sides):
    asf, nsf = sides
    rng = np.random.default_rng(0)
    abnormal = np.arange(asf + nsf) < asf
    score = rng.normal(size=asf + nsf) + 2 * abnormal
    wins = (score[abnormal][:, None] > score[~abnormal]).astype(float)
    value = wins.mean()
    delong = wins.mean(1).var(ddof=1) / asf + wins.mean(0).var(ddof=1) / nsf

    found = auc_interval(score, abnormal, np.arange(asf + nsf))

    known = min(sides) - 1  # against 50 patients' worth of belief in the model
    seen = delong / exponential(value, *sides)
    factor = (known * seen + 50) / (known + 50)
    for limit in (found.low, found.high):
        error = np.sqrt(factor * exponential(limit, *sides))
        assert abs(value - limit) == pytest.approx(1.959964 * error, rel=1e-5)
    assert found.low < value < found.high
    assert found.n == asf + nsf


def test_with_many_studies_limits_are_those_of_delongs_logit():
    score, abnormal = binormal(4000, shift=2.5)
    patient = np.arange(4000)

    found = auc_interval(score, abnormal, patient)

    # Qin and Hotilovac 2008: the error of logit(AUC) is that of the AUC over A (1 - A)
    value, error = (
        found.value,
        standard_error(auc(score, abnormal, patient).influence, patient),
    )
    step = 1.959964 * error / (value * (1 - value))
    limits = expit([logit(value) - step, logit(value) + step])
    assert (found.low, found.high) == pytest.approx(tuple(limits), abs=5e-4)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("sides", "auc_of_all", "spread"),
    [((25, 200), 0.96, 1.0), ((25, 200), 0.96, 2.0), ((25, 200), 0.9, 1.0),
     ((50, 300), 0.9, 2.0), ((25, 25), 0.9, 2.0)],
)  # fmt: skip
def test_the_lower_end_is_above_the_truth_in_at_most_25_of_1000_cohorts_or_so(
    sides, auc_of_all, spread
):
    setting = Ranked(*sides, auc_of_all, spread)

    low, _ = missed(areas(setting, 500), auc_of_all)

    # DeLong's on the logit scale: 6 to 14 % with 25 ASF and 200 NSF
    assert low <= 4


def newcombes_spread(true, n_asf, n_nsf):
    """Write out method 5 (Newcombe, Statistics in Medicine 2006;25:559)."""
    half = (n_asf + n_nsf) / 2 - 1
    shape = 1 + half * (1 - true) / (2 - true) + half * true / (1 + true)
    return np.sqrt(true * (1 - true) * shape / (n_asf * n_nsf))


@pytest.mark.parametrize("value", [0.6, 0.9])
@pytest.mark.parametrize("sides", [(12, 40), (60, 25)])
def test_newcombes_limits_lie_where_the_value_is_196_spreads_away(value, sides):
    low, high = newcombe(value, *sides)

    assert value - low == pytest.approx(1.959964 * newcombes_spread(low, *sides))
    assert high - value == pytest.approx(1.959964 * newcombes_spread(high, *sides))


def test_perfect_separation_counts_patients_not_studies():
    score = np.repeat([0.0, 1.0], [40, 24])
    patient = np.concatenate([np.arange(40) // 4, 100 + np.arange(24) // 2])

    found = auc_interval(score, score > 0.5, patient)  # 12 and 10 patients

    spread = newcombes_spread(found.low, 12, 10)
    assert 1 - found.low == pytest.approx(1.959964 * spread)
    assert (found.value, found.high, found.n) == (1, 1, 64)


def test_hanley_and_mcneils_error_is_their_formula():
    # Radiology 1982;143:29: Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)
    q1, q2 = 0.8 / 1.2, 2 * 0.64 / 1.8
    variance = (0.8 * 0.2 + 9 * (q1 - 0.64) + 19 * (q2 - 0.64)) / 200

    found = hanley_mcneil(0.8, 10, 20)

    step = 1.959964 * np.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((0.8 - step, min(1, 0.8 + step)))
    assert found.n == 30
