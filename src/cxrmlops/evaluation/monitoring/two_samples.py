"""
How surely two samples differ, and by how much: numbers and shares.

Both take the reference for what it is, a sample, whatever the feature's distribution.
The Kolmogorov-Smirnov distance is referred to its one-sided distribution at the
effective size nm / (n + m), doubled; counts to the hypergeometric distribution
(Fisher). Ties and discreteness err to the safe side: p falls below a limit at most as
often as the limit says.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import smirnov
from scipy.stats import hypergeom


@dataclass(frozen=True)
class Difference:
    """Of a sample from its reference."""

    reference: float  # median, or share
    now: float
    size: float  # distance of the distributions or shares, 0-1
    p: float  # two-sided


def numbers_differ(
    now: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    *,
    weight: float = 1.0,
) -> Difference:
    """Compare two distributions by their largest distance (Kolmogorov-Smirnov).

    Args:
        now: shape (n,), finite, n at least 1.
        reference: shape (m,), finite, sorted, m at least 1.
        weight: independent witnesses per study of the reference, 0-1.
    """
    ours = np.sort(now)
    places = np.concatenate([ours, reference])
    first = np.searchsorted(ours, places, side="right") / len(ours)
    second = np.searchsorted(reference, places, side="right") / len(reference)
    size = float(np.abs(first - second).max())
    m = len(reference) * weight
    effective = max(round(len(ours) * m / (len(ours) + m)), 1)
    p = min(1.0, 2 * float(smirnov(effective, size)))  # of either side: never too small
    return Difference(float(np.median(reference)), float(np.median(ours)), size, p)


def shares_differ(
    found: int, n: int, found_reference: int, m: int, *, weight: float = 1.0
) -> Difference:
    """Compare `found` of `n` with `found_reference` of `m` (Fisher's exact test).

    Args:
        found: of the sample.
        n: at least 1.
        found_reference: of the reference.
        m: at least 1.
        weight: independent witnesses per study of the reference, 0-1.
    """
    share, before = found / n, found_reference / m
    if found == found_reference == 0:
        return Difference(before, share, 0.0, 1.0)
    total = max(round(m * weight), 1)
    known = round(before * total)
    law = n + total, found + known, n  # all, of them with the mark, drawn
    less, more = hypergeom.cdf(found, *law), hypergeom.sf(found - 1, *law)
    p = min(1.0, 2 * min(float(less), float(more)))
    return Difference(before, share, abs(share - before), p)
