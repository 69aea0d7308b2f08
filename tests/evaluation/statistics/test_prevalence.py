from math import exp, sqrt

import numpy as np
import pytest

from cxrmlops.evaluation.statistics.intervals import wilson
from cxrmlops.evaluation.statistics.prevalence import (
    net_benefit,
    prevalence_free,
    project,
)

RECALL_ASF, RECALL_NSF = wilson(880, 1000), wilson(898, 1000)


@pytest.mark.parametrize(
    ("prevalence", "ppv"), [(0.05, 0.31), (0.10, 0.49), (0.20, 0.68)]
)
def test_precision_falls_with_prevalence_as_bayes_says(prevalence, ppv):
    found = project(RECALL_ASF, RECALL_NSF, prevalence)

    assert found.ppv.value == pytest.approx(ppv, abs=0.005)
    assert found.ppv.low < found.ppv.value < found.ppv.high


def test_npv_where_most_are_abnormal():
    assert project(RECALL_ASF, RECALL_NSF, 0.63).npv.value == pytest.approx(
        0.815, abs=1e-3
    )


def test_flags_and_misses_are_counted_in_studies():
    found = project(RECALL_ASF, RECALL_NSF, 0.10)

    assert found.misses_per_1000.value == pytest.approx(12)
    assert found.flag_rate.value == pytest.approx(0.1 * 0.88 + 0.9 * 0.102)
    assert found.flag_rate.low < found.flag_rate.value < found.flag_rate.high


def test_half_abnormal_gives_back_the_precisions_of_the_test_set():
    found = project(wilson(90, 100), wilson(80, 100), 0.5)

    assert found.ppv.value == pytest.approx(90 / 110)
    assert found.npv.value == pytest.approx(80 / 90)


def test_no_false_alarm_is_not_a_certain_precision():
    found = project(wilson(90, 100), wilson(100, 100), 0.1)

    assert found.ppv.value == found.ppv.high == 1
    assert 0.7 < found.ppv.low < 0.9


def test_a_reader_that_flags_nothing_has_no_ppv():
    assert project(wilson(0, 100), wilson(100, 100), 0.1).ppv is None


def test_limits_agree_with_simulated_recalls():
    rng = np.random.default_rng(0)
    asf = rng.binomial(1000, 0.88, 20000) / 1000
    nsf = rng.binomial(1000, 0.898, 20000) / 1000
    ppv = 0.1 * asf / (0.1 * asf + 0.9 * (1 - nsf))

    found = project(RECALL_ASF, RECALL_NSF, 0.1).ppv

    low, high = np.percentile(ppv, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_acting_on_every_study_gives_the_treat_all_line():
    abnormal = np.arange(10) < 3

    benefit = net_benefit(np.ones(10), abnormal, np.array([0.2]))

    assert benefit[0] == pytest.approx(0.3 - 0.7 * 0.25)


def test_an_oracle_gains_the_prevalence():
    abnormal = np.arange(10) < 3

    benefit = net_benefit(abnormal * 1.0, abnormal, np.array([0.1, 0.5, 0.9]))

    np.testing.assert_allclose(benefit, 0.3)


def test_likelihood_ratios_of_the_source_study_are_the_known_ones():
    found = prevalence_free(wilson(914, 1018), wilson(876, 995))

    # .8978 / .1196 and .1022 / .8804; limits by Simel's logarithm (J Clin Epidemiol
    # 1991): another method, so equal to two digits only
    assert found["lr_positive"].value == pytest.approx(7.507, abs=1e-3)
    assert found["lr_negative"].value == pytest.approx(0.1160, abs=1e-4)
    error = sqrt(1 / 914 - 1 / 1018 + 1 / 119 - 1 / 995)
    assert found["lr_positive"].low == pytest.approx(
        7.507 / exp(1.96 * error), rel=0.02
    )
    assert found["lr_positive"].high == pytest.approx(
        7.507 * exp(1.96 * error), rel=0.02
    )
    middle = found["balanced_accuracy"]
    assert middle.value == pytest.approx((914 / 1018 + 876 / 995) / 2)
    error = sqrt(0.8978 * 0.1022 / 1018 + 0.8804 * 0.1196 / 995) / 2
    assert middle.high - middle.low == pytest.approx(2 * 1.96 * error, rel=0.01)
    assert middle.n == 2013


def test_a_study_at_the_threshold_is_acted_on():
    benefit = net_benefit(
        np.array([0.2, 0.1]), np.array([True, False]), np.array([0.2])
    )

    assert benefit[0] == pytest.approx(0.5)
