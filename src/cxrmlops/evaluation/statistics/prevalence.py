"""
What the recalls mean where another share of studies is abnormal.

A test set of half abnormal studies flatters the precision of ASF. Recalls carry over to
another prevalence, precisions do not (Bayes), so they are computed again.
"""

from dataclasses import dataclass, replace
from math import isfinite, sqrt

import numpy as np

from cxrmlops.evaluation.statistics.intervals import Bools, Floats, Interval, ratio


@dataclass(frozen=True)
class Projection:
    """One operating point at one prevalence of ASF."""

    prevalence: float  # share of ASF, 0-1
    ppv: Interval | None  # precision of ASF; None: no study is flagged
    npv: Interval | None  # precision of NSF
    flag_rate: Interval  # share of studies answered ASF
    misses_per_1000: Interval  # ASF answered NSF in 1,000 studies


def complement(figure: Interval) -> Interval:
    """Return 1 - figure."""
    return Interval(1 - figure.value, 1 - figure.high, 1 - figure.low, figure.n)


def project(
    recall_asf: Interval, recall_nsf: Interval, prevalence: float
) -> Projection:
    """Project both recalls onto a place where `prevalence` of the studies is abnormal.

    Limits come from those of the recalls: PPV and NPV by the likelihood ratios'
    (MOVER-R), the flag rate by adding the squared distances (Zou and Donner, 2008).
    """
    false_alarm, missed = complement(recall_nsf), complement(recall_asf)
    odds = prevalence / (1 - prevalence)
    return Projection(
        prevalence=prevalence,
        ppv=_predictive(ratio(recall_asf, false_alarm), odds),
        npv=_predictive(ratio(recall_nsf, missed), 1 / odds),
        flag_rate=_sum(recall_asf, prevalence, false_alarm, 1 - prevalence),
        misses_per_1000=_scaled(missed, 1000 * prevalence),
    )


def prevalence_free(recall_asf: Interval, recall_nsf: Interval) -> dict[str, Interval]:
    """Return what depends on both recalls and on no share of ASF.

    Returns:
        `balanced_accuracy`, and the likelihood ratios `lr_positive` (of an answer ASF)
        and `lr_negative` (of NSF); infinite or NaN where the divisor is 0.
    """
    n = recall_asf.n + recall_nsf.n
    figures = {
        "balanced_accuracy": _sum(recall_asf, 0.5, recall_nsf, 0.5),
        "lr_positive": ratio(recall_asf, complement(recall_nsf)),
        "lr_negative": ratio(complement(recall_asf), recall_nsf),
    }
    return {name: replace(figure, n=n) for name, figure in figures.items()}


def net_benefit(probability: Floats, abnormal: Bools, threshold: Floats) -> Floats:
    """Compute the decision curve (Vickers and Elkin, 2006).

    Args:
        probability: shape (n_studies,), calibrated probability of ASF.
        abnormal: shape (n_studies,), bool.
        threshold: shape (n,), probabilities in 0-1 from which one would act.

    Returns:
        Shape (n,), true positives per study, less false ones at the exchange rate that
        the threshold stands for. Reading every study as ASF gives the same with every
        study flagged; reading none gives 0.
    """
    flagged = probability[None, :] >= threshold[:, None]
    found = (flagged & abnormal).mean(axis=1)
    wrong = (flagged & ~abnormal).mean(axis=1)
    return np.asarray(found - wrong * threshold / (1 - threshold), dtype=np.float64)


def _predictive(likelihood: Interval, odds: float) -> Interval | None:
    if np.isnan(likelihood.value):
        return None
    value, low, high = (
        x * odds / (1 + x * odds) if isfinite(x) else 1.0
        for x in (likelihood.value, likelihood.low, likelihood.high)
    )
    return Interval(value, low, high, likelihood.n)


def _sum(a: Interval, times: float, b: Interval, times_b: float) -> Interval:
    value = times * a.value + times_b * b.value
    down = sqrt((times * (a.value - a.low)) ** 2 + (times_b * (b.value - b.low)) ** 2)
    up = sqrt((times * (a.high - a.value)) ** 2 + (times_b * (b.high - b.value)) ** 2)
    return Interval(value, value - down, value + up, min(a.n, b.n))


def _scaled(figure: Interval, factor: float) -> Interval:
    return Interval(
        factor * figure.value, factor * figure.low, factor * figure.high, figure.n
    )
