import numpy as np
import pytest
from scipy.stats import fisher_exact, ks_2samp

from cxrmlops.evaluation.monitoring.two_samples import numbers_differ, shares_differ


def test_the_distance_is_that_of_scipy_and_p_is_never_smaller_than_its_own():
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.5, 1.5):
        now, reference = rng.normal(shift, 1, 60), np.sort(rng.normal(0, 1, 900))

        told = numbers_differ(now, reference)

        right = ks_2samp(now, reference, method="asymp")
        assert told.size == pytest.approx(right.statistic)
        assert told.p >= right.pvalue * (1 - 1e-6)
        assert told.p <= max(4 * right.pvalue, 1e-12) or right.pvalue > 0.2


def test_medians_of_both_are_told():
    told = numbers_differ(np.array([3.0, 5.0, 9.0]), np.array([1.0, 2.0, 4.0]))

    assert (told.reference, told.now) == (2.0, 5.0)


def test_fewer_patients_than_studies_make_p_larger():
    rng = np.random.default_rng(2)
    now, reference = rng.normal(0.4, 1, 500), np.sort(rng.normal(0, 1, 500))

    sure, unsure = (numbers_differ(now, reference, weight=w).p for w in (1.0, 0.3))

    assert sure < unsure


def test_shares_are_compared_as_fisher_does():
    told = shares_differ(9, 20, 30, 300)

    less, more = (
        fisher_exact([[9, 11], [30, 270]], alternative=side).pvalue
        for side in ("less", "greater")
    )
    assert told.p == pytest.approx(min(1, 2 * min(less, more)))
    assert told.size == pytest.approx(0.35)
    assert (told.reference, told.now) == (0.1, 0.45)


def test_a_level_that_neither_has_is_no_difference():
    assert shares_differ(0, 50, 0, 400).p == 1.0


def test_p_falls_below_a_limit_no_more_often_than_the_limit_says():
    rng = np.random.default_rng(3)
    found = [
        numbers_differ(rng.normal(size=40), np.sort(rng.normal(size=200))).p
        for _ in range(2000)
    ]

    assert np.mean(np.array(found) < 0.05) < 0.065  # 3 standard errors above .05
