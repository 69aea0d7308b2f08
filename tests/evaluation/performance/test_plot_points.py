import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from cxrmlops.evaluation.performance.figures import reading
from cxrmlops.evaluation.performance.plot_points import (
    THRESHOLDS,
    decision_curve,
    ranking_curves,
    reliability_bins,
)
from tests.make import make_studies


@pytest.fixture(scope="module")
def read():
    studies = make_studies(120)
    return reading(studies.probability, studies.abnormal, studies.patient_id)


def test_the_area_under_the_roc_is_the_auc(read):
    curve = ranking_curves(read).roc

    assert (curve.x[0], curve.y[0]) == (0, 0)
    assert (curve.x[-1], curve.y[-1]) == (1, 1)
    expected = roc_auc_score(read.abnormal, read.probability)
    assert auc(curve.x, curve.y) == pytest.approx(expected)


def test_steps_under_precision_and_recall_are_the_average_precision(read):
    curve = ranking_curves(read).precision_recall

    steps = np.diff((0, *curve.x))
    expected = average_precision_score(read.abnormal, read.probability)
    assert curve.x[-1] == 1
    assert np.sum(steps * curve.y) == pytest.approx(expected, abs=0.01)


def test_bins_hold_every_study_once_with_its_observed_share(read):
    bins = reliability_bins(read, bins=5)

    assert [each.observed.n for each in bins] == [24] * 5
    found = sum(each.observed.n * each.observed.value for each in bins)
    assert found == pytest.approx(read.abnormal.sum())
    predicted = [each.predicted for each in bins]
    assert predicted == sorted(predicted)
    assert np.mean(predicted) == pytest.approx(read.probability.mean())


def test_reading_all_as_asf_costs_its_false_alarms(read):
    curve = decision_curve(read)

    assert curve.threshold == tuple(THRESHOLDS)
    at = curve.threshold.index(pytest.approx(0.5))
    assert curve.everyone[at] == pytest.approx(0.0)  # half are abnormal: 0.5 - 0.5
    flagged = read.probability >= 0.5
    right, wrong = (flagged & read.abnormal).mean(), (flagged & ~read.abnormal).mean()
    assert curve.model[at] == pytest.approx(right - wrong)
