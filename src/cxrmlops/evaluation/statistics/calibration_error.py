"""
How far probabilities are from the shares that come true: the calibration error (ECE).

It is a mean of distances, which noise can only lengthen: too large by much where
calibration is good, by next to nothing where it is bad, so that neither percentiles of
a bootstrap nor reflected ones hold 95 %. Its limits are found the other way round, as
errors under which what was seen is not yet rare (inversion of a test; Neyman 1937).
Gaps of bins are taken as normal around their true values, patients together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from cxrmlops.evaluation.statistics.intervals import (
    ALPHA,
    Bools,
    Floats,
    Interval,
    codes,
    percentile,
)
from cxrmlops.evaluation.statistics.reliability import bin_of

FARTHEST = 10.0  # own errors beyond what was seen that a limit is looked for


def calibration_error(
    probability: Floats,
    abnormal: Bools,
    patient: npt.ArrayLike,
    *,
    bins: int,
    rounds: int,
    seed: int,
) -> Interval:
    """Return the expected calibration error over bins of equal number.

    Each end takes what makes it wider. The upper one supposes that every bin is equally
    far off in terms of its own error, the way of being off that noise lengthens least,
    and either the noise that was seen or at least that which the probabilities foresee.
    The lower one supposes that bins are off as they were seen to be, and at least the
    noise foreseen; it is 0 unless noise alone would seldom show so much.

    Args:
        probability: shape (n_studies,), of ASF, 0-1.
        abnormal: shape (n_studies,), ASF stated in the report.
        patient: shape (n_studies,), one pseudonym per study.
        bins: of equal number.
        rounds: simulated sets of gaps.
        seed: of these.
    """
    member = _members(probability, bins=bins)
    gap = (abnormal - probability) @ member / len(probability)
    left = _left(abnormal - probability, member)
    noise = _noise(left, patient)
    least = _at_least_foreseen(noise, left, probability, member)
    seen, n = float(np.abs(gap).sum()), len(probability)
    draws = [_drawn(each, rounds=rounds, seed=seed) for each in (noise, least)]
    low = _Shape(np.abs(gap), draws[1]).size_showing(seen, at=1 - ALPHA / 2)
    high = max(
        _Shape(np.sqrt(np.diag(each)), drawn).size_showing(seen, at=ALPHA / 2)
        for each, drawn in zip((noise, least), draws, strict=True)
    )
    return Interval(seen, min(low, seen), min(1.0, max(high, seen)), n)


def ece_of_noise(probability: Floats, *, bins: int, rounds: int, seed: int) -> Interval:
    """Return the calibration error that a perfectly calibrated reader would show here.

    It is not 0, because a bin of few studies never shows its probability exactly.
    """
    draw = np.random.default_rng(seed)
    member = _members(probability, bins=bins)
    errors = [
        np.abs(((draw.random(len(probability)) < probability) - probability) @ member)
        for _ in range(rounds)
    ]
    ece = np.sum(errors, axis=1) / len(probability)
    return percentile(float(ece.mean()), ece, n=len(probability))


@dataclass(frozen=True)
class _Shape:
    """One way of being off, at any size."""

    gap: Floats  # (bins,), 0 and up
    drawn: Floats  # (rounds, bins), noise

    def size_showing(self, seen: float, *, at: float) -> float:
        """Return the size at which `seen` is the quantile `at` of what is shown."""
        size = float(self.gap.sum())
        if not size:
            return 0.0

        def beyond(times: float) -> float:
            shown = np.abs(times * self.gap + self.drawn).sum(axis=1)
            return float(np.quantile(shown, at)) - seen

        return size * _root(beyond, farthest=seen / size + FARTHEST)


def _root(beyond: Callable[[float], float], *, farthest: float) -> float:
    return float(brentq(beyond, 0.0, farthest)) if beyond(0.0) < 0 else 0.0


def _left(apart: Floats, member: Floats) -> Floats:
    """Take each bin's mean off its studies: shape (n_studies, bins)."""
    mean = (apart @ member) / member.sum(axis=0)
    return np.asarray(member * (apart - member @ mean)[:, None])


def _noise(left: Floats, patient: npt.ArrayLike) -> Floats:
    """Return the covariance of the gaps, shape (bins, bins), from patients' sums."""
    number = codes(patient)
    sums = np.zeros((int(number.max()) + 1, left.shape[1]))
    np.add.at(sums, number, left)
    return np.asarray(sums.T @ sums / len(left) ** 2)


def _at_least_foreseen(
    noise: Floats, left: Floats, probability: Floats, member: Floats
) -> Floats:
    """Raise variances to what the probabilities say, times the design effect.

    A bin of few expected cases that shows none has not become certain by it.
    """
    n = len(left)
    single = float((left**2).sum()) / n**2
    effect = max(1.0, float(np.trace(noise)) / single) if single > 0 else 1.0
    foreseen = effect * (probability * (1 - probability)) @ member / n**2
    raised = noise.copy()
    np.fill_diagonal(raised, np.maximum(np.diag(noise), foreseen))
    return raised


def _drawn(noise: Floats, *, rounds: int, seed: int) -> Floats:
    """Draw gaps around 0: shape (rounds, bins)."""
    draw = np.random.default_rng(seed)
    return draw.multivariate_normal(
        np.zeros(len(noise)), noise, size=rounds, method="eigh"
    )


def _members(probability: Floats, *, bins: int) -> Floats:
    """Return shape (n_studies, bins): 1 where a study is in the bin."""
    number = bin_of(probability, bins=bins)
    return (number[:, None] == np.arange(number.max() + 1)).astype(np.float64)
