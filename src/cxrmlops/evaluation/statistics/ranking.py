"""
How well the probability ranks: AUC, precision-recall, one recall at the other.

The AUC's variance is DeLong's (Biometrics 1988) with each patient's terms added before
squaring (Obuchowski, Biometrics 1997): with one study a patient it is DeLong's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from cxrmlops.evaluation.statistics.intervals import (
    Bools,
    Figure,
    Floats,
    Interval,
    Z,
    codes,
)

BELIEF = 50.0  # patients of the smaller class, for the variance as a model has it


@dataclass(frozen=True)
class Auc:
    """An AUC with what each study contributes to its error."""

    value: float
    influence: Floats  # shape (n_studies,); adds up to 0 within each class


def auc(score: npt.ArrayLike, abnormal: npt.ArrayLike, patient: npt.ArrayLike) -> Auc:
    """Compute the AUC and its influence values in float64.

    Args:
        score: shape (n_studies,), higher means more abnormal; ties count half.
        abnormal: shape (n_studies,), bool, both classes present.
        patient: shape (n_studies,), one pseudonym per study.
    """
    scores = np.asarray(score, dtype=np.float64)
    is_asf = np.asarray(abnormal, dtype=bool)
    patients = np.asarray(patient)
    placement = np.where(
        is_asf, _below(scores[~is_asf], scores), 1 - _below(scores[is_asf], scores)
    )
    value = float(placement[is_asf].mean())
    influence = np.empty(len(scores))
    for side in (is_asf, ~is_asf):
        # n/(n-1) of patients, not of studies: copies of a study add no knowledge
        clusters = len(np.unique(patients[side]))
        correction = sqrt(clusters / max(1, clusters - 1))
        influence[side] = correction * (placement[side] - value) / side.sum()
    return Auc(value, influence)


def standard_error(influence: Floats, patient: npt.ArrayLike) -> float:
    """Add influence values within patients, and give the standard error."""
    return sqrt(float(np.sum(np.bincount(codes(patient), influence) ** 2)))


def auc_interval(
    score: npt.ArrayLike, abnormal: npt.ArrayLike, patient: npt.ArrayLike
) -> Interval:
    """Return the AUC with an interval whose lower end holds with few ASF, too.

    DeLong's variance, patient by patient, is itself uncertain where a class is small,
    and smallest just where the AUC came out too high. So it is moderated: `BELIEF`
    patients of the smaller class speak for Hanley and McNeil's variance (as a moderated
    t does for a variance: Smyth, 2004). Limits are those AUCs from which the value lies
    1.96 errors away, the error being theirs (a score interval, as Newcombe's method 5).
    Perfect separation has no DeLong variance: Newcombe's interval on the number of
    patients is given there.
    """
    found = auc(score, abnormal, patient)
    is_asf, names = np.asarray(abnormal, dtype=bool), np.asarray(patient)
    sides = (len(np.unique(names[is_asf])), len(np.unique(names[~is_asf])))
    error = standard_error(found.influence, patient)
    if error < 1e-12 or found.value in (0, 1):
        low, high = newcombe(found.value, *sides)
        return Interval(found.value, low, high, len(is_asf))
    seen = error**2 / _exponential(found.value, *sides)
    known = min(sides) - 1
    factor = (known * seen + BELIEF) / (known + BELIEF)
    low, high = _limits(found.value, lambda true: factor * _exponential(true, *sides))
    return Interval(found.value, low, high, len(is_asf))


def hanley_mcneil(value: float, n_asf: int, n_nsf: int) -> Interval:
    """Return an AUC of which only the value is known (Radiology 1982;143:29-36)."""
    step = Z * sqrt(_exponential(value, n_asf, n_nsf))
    return Interval(
        value, max(0.0, value - step), min(1.0, value + step), n_asf + n_nsf
    )


def newcombe(value: float, n_asf: int, n_nsf: int) -> tuple[float, float]:
    """Return limits that stay honest at 0 and 1 (Newcombe, Stat Med 2006, method 5)."""

    def variance(true: float) -> float:
        extra = (n_asf + n_nsf) / 2 - 1
        spread = 1 + extra * ((1 - true) / (2 - true) + true / (1 + true))
        return true * (1 - true) * spread / (n_asf * n_nsf)

    return _limits(value, variance)


def _exponential(true: float, n_asf: int, n_nsf: int) -> float:
    """Return the variance of the AUC of exponential scores (Hanley, McNeil 1982)."""
    q_asf = true / (2 - true)
    q_nsf = 2 * true**2 / (1 + true)
    return (
        true * (1 - true)
        + (n_asf - 1) * (q_asf - true**2)
        + (n_nsf - 1) * (q_nsf - true**2)
    ) / (n_asf * n_nsf)


def _limits(value: float, variance: Callable[[float], float]) -> tuple[float, float]:
    """Return the AUCs from which a value is `Z` of their own errors away."""

    def misfit(true: float) -> float:
        return (value - true) ** 2 - Z**2 * variance(true)

    # the value itself is a root where it is 0 or 1, and never the limit sought
    low = brentq(misfit, 0.0, value - 1e-9) if value > 0 else 0.0
    high = brentq(misfit, value + 1e-9, 1.0) if value < 1 else 1.0
    return float(low), float(high)


def auc_figure(score: Floats, abnormal: Bools) -> Figure:
    """Make the AUC a figure of the weights, for the bootstrap."""
    order = np.argsort(score, kind="stable")
    first, last = _ties(score[order])
    is_asf = abnormal[order]

    def figure(weights: Floats) -> Floats:
        drawn = weights[:, order]
        normals = np.cumsum(np.where(is_asf, 0.0, drawn), axis=1)
        before = np.where(first > 0, normals[:, first - 1], 0.0)
        credit = ((before + normals[:, last]) / 2)[:, is_asf]
        cases = drawn[:, is_asf]
        return _divide((cases * credit).sum(1), cases.sum(1) * normals[:, -1])

    return figure


def auprc_figure(score: Floats, abnormal: Bools) -> Figure:
    """Make the area under precision and recall (average precision) a figure."""
    order = np.argsort(-score, kind="stable")
    _, last = _ties(score[order])
    ends = np.unique(last)
    is_asf = abnormal[order]

    def figure(weights: Floats) -> Floats:
        drawn = weights[:, order]
        found = np.cumsum(np.where(is_asf, drawn, 0.0), axis=1)[:, ends]
        flagged = np.cumsum(drawn, axis=1)[:, ends]
        gained = np.diff(found, axis=1, prepend=0.0)
        precision = np.divide(
            found, flagged, out=np.zeros_like(found), where=flagged > 0
        )
        area = _divide((gained * precision).sum(1), found[:, -1])
        return np.where(found[:, -1] < flagged[:, -1], area, np.nan)

    return figure


def recall_at_figure(score: Floats, abnormal: Bools, *, other: float) -> Figure:
    """Make the best recall of `abnormal` with the other class's recall >= `other`."""
    order = np.argsort(-score, kind="stable")
    _, last = _ties(score[order])
    ends = np.unique(last)
    is_asf = abnormal[order]

    def figure(weights: Floats) -> Floats:
        drawn = weights[:, order]
        found = np.cumsum(np.where(is_asf, drawn, 0.0), axis=1)[:, ends]
        wrong = np.cumsum(np.where(is_asf, 0.0, drawn), axis=1)[:, ends]
        allowed = (1 - other) * wrong[:, -1:] + 1e-9
        best = np.where(wrong <= allowed, found, 0.0).max(axis=1)
        both = np.where(wrong[:, -1] > 0, found[:, -1], 0.0)
        return _divide(best, both)

    return figure


def _below(reference: Floats, score: Floats) -> Floats:
    """Share of `reference` under each score, ties half."""
    ranked = np.sort(reference)
    left = np.searchsorted(ranked, score, side="left")
    right = np.searchsorted(ranked, score, side="right")
    return (left + right) / (2 * len(ranked))


def _ties(
    ordered: Floats,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last position of each position's group of equal scores."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.concatenate([starts[1:], [len(ordered)]]) - 1
    size = ends - starts + 1
    return np.repeat(starts, size), np.repeat(ends, size)


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
