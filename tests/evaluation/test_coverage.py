"""Intervals keep what they promise: 95 of 100 cohorts, by simulation (`make soak`)."""

import numpy as np
import pytest
from scipy.stats import norm

from cxrmlops.evaluation.comparison import auc_difference
from cxrmlops.evaluation.intervals import proportion
from cxrmlops.evaluation.ranking import auc_interval

COHORTS = 1000
SEED = 1
# studies, patients, correlation within a patient, distance of the classes in standard
# deviations (2.476: AUC .96); half of the studies are abnormal
SETTINGS = [
    (300, 300, 0.0, 2.476),
    (2000, 2000, 0.0, 2.476),
    (300, 300, 0.0, 1.2),
    (600, 200, 0.5, 2.476),
    (2000, 1000, 0.5, 2.476),
]


def cohorts(studies, patients, correlation, distance):
    rng = np.random.default_rng(SEED)
    patient = np.arange(studies) // (studies // patients)
    for _ in range(COHORTS):
        abnormal = rng.random(studies) < 0.5
        own = np.sqrt(1 - correlation) * rng.normal(size=studies)
        shared = np.sqrt(correlation) * rng.normal(size=patients)[patient]
        noise = rng.normal(size=studies)
        yield own + shared + distance * abnormal, noise, abnormal, patient


def covered(intervals, truth):
    return np.mean([each.low <= truth <= each.high for each in intervals])


@pytest.mark.soak
@pytest.mark.parametrize("setting", SETTINGS)
def test_95_of_100_auc_intervals_hold_the_truth(setting):
    intervals = [auc_interval(s, a, p) for s, _, a, p in cohorts(*setting)]

    assert 0.935 <= covered(intervals, norm.cdf(setting[3] / np.sqrt(2))) <= 0.965


@pytest.mark.soak
@pytest.mark.parametrize("setting", SETTINGS)
def test_95_of_100_recall_intervals_hold_the_truth(setting):
    half = setting[3] / 2
    intervals = [proportion(s[a] >= half, p[a]) for s, _, a, p in cohorts(*setting)]

    assert 0.935 <= covered(intervals, norm.cdf(half)) <= 0.965


@pytest.mark.soak
@pytest.mark.parametrize("setting", SETTINGS)
def test_95_of_100_paired_differences_hold_the_truth(setting):
    poorer = [
        auc_difference(s, 0.5 * s + np.sqrt(0.75) * noise, a, p).interval
        for s, noise, a, p in cohorts(*setting)
    ]
    ranks = [norm.cdf(share * setting[3] / np.sqrt(2)) for share in (1, 0.5)]

    assert 0.935 <= covered(poorer, ranks[0] - ranks[1]) <= 0.965
