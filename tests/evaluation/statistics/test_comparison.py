import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.statistics.comparison import answers_differ, auc_difference
from cxrmlops.evaluation.statistics.intervals import by_patient
from cxrmlops.evaluation.statistics.ranking import auc_figure


def two_readers(n=400, *, seed=0):
    rng = np.random.default_rng(seed)
    abnormal = np.arange(n) % 2 == 0
    image = rng.normal(size=n) + 1.5 * abnormal
    good, poor = image + 0.3 * rng.normal(size=n), image + 1.5 * rng.normal(size=n)
    return good, poor, abnormal, np.arange(n)


def test_a_reader_does_not_differ_from_itself():
    score, _, abnormal, patient = two_readers()

    same = auc_difference(score, 2 * score + 1, abnormal, patient)

    assert (same.interval.value, same.interval.low, same.interval.high) == (0, 0, 0)
    assert same.p == 1


def test_the_difference_changes_sign_with_the_order():
    good, poor, abnormal, patient = two_readers()

    there = auc_difference(good, poor, abnormal, patient)
    back = auc_difference(poor, good, abnormal, patient)

    expected = roc_auc_score(abnormal, good) - roc_auc_score(abnormal, poor)
    assert there.interval.value == pytest.approx(expected)
    assert there.interval.low == pytest.approx(-back.interval.high)
    assert there.p == pytest.approx(back.p)


def test_a_worse_reader_has_a_negative_difference_within_its_limits():
    rng = np.random.default_rng(0)
    abnormal = np.arange(200) % 2 == 0
    worse = abnormal + rng.normal(0, 3, 200)
    better = abnormal + rng.normal(0, 0.3, 200)

    found = auc_difference(worse, better, abnormal, np.arange(200)).interval

    assert -1 <= found.low < found.value < found.high < 0


def test_paired_delong_equals_its_formula_written_out():
    good, poor, abnormal, patient = two_readers(60)

    def wins(score):
        return (score[abnormal][:, None] > score[~abnormal]).astype(float)

    # DeLong 1988: S10 / m + S01 / n of the difference
    gap = wins(good) - wins(poor)
    m, n = gap.shape
    variance = gap.mean(1).var(ddof=1) / m + gap.mean(0).var(ddof=1) / n
    found = auc_difference(good, poor, abnormal, patient).interval

    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * np.sqrt(variance))


def test_paired_delong_agrees_with_the_paired_bootstrap():
    good, poor, abnormal, _ = two_readers()
    patient = np.arange(400) // 2

    delong = auc_difference(good, poor, abnormal, patient).interval
    figures = {"a": auc_figure(good, abnormal), "b": auc_figure(poor, abnormal)}
    draws = by_patient(figures, patient, rounds=2000)
    low, high = np.percentile(draws["a"] - draws["b"], [2.5, 97.5])

    assert (delong.low, delong.high) == pytest.approx((low, high), abs=6e-3)


def test_two_perfect_readers_do_not_differ_but_a_perfect_and_a_blind_one_do():
    abnormal = np.arange(20) % 2 == 0
    perfect = abnormal * 1.0

    same = auc_difference(perfect, perfect * 5, abnormal, np.arange(20))
    other = auc_difference(perfect, -perfect, abnormal, np.arange(20))

    assert same.p == 1
    assert other.p == 0
    assert other.interval.value == 1


def test_mcnemar_gives_the_published_example():
    # approval of a prime minister asked twice: 794, 150, 86, 570 (Agresti, Categorical
    # Data Analysis, 10.1): z = -4.17
    first = np.repeat([True, True, False, False], [794, 150, 86, 570])
    second = np.repeat([True, False, True, False], [794, 150, 86, 570])

    found = answers_differ(first, second, np.ones(1600, dtype=bool))

    assert (found.only_first_right, found.only_second_right) == (150, 86)
    assert found.p == pytest.approx(3.1e-5, rel=0.02)


def test_few_discordant_studies_are_tested_exactly():
    first = np.array([True] * 5 + [False] * 5)
    second = np.array([False] * 5 + [False] * 5)

    found = answers_differ(first, second, np.ones(10, dtype=bool))

    assert found.p == pytest.approx(2 * 0.5**5)


@pytest.mark.parametrize(("first", "second"), [(18, 6), (18, 7), (40, 30)])
def test_25_discordant_studies_are_enough_for_the_normal_distribution(first, second):
    one = np.repeat([True, False, True], [first, second, 20])
    two = np.repeat([False, True, True], [first, second, 20])

    found = answers_differ(one, two, np.ones(len(one), dtype=bool))

    n = first + second
    # McNemar 1947: z = (b - c) / sqrt(b + c); fewer by the binomial distribution
    by_normal = 2 * norm.sf((first - second) / np.sqrt(n))
    expected = by_normal if n >= 25 else binomtest(second, n).pvalue
    assert found.p == pytest.approx(expected)
