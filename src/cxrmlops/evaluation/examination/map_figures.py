"""What the checks of heat maps found, as figures over films with 95 % intervals."""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, t

from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import Floats, Interval
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import MapFigures

Maps = npt.NDArray[np.float32]
DIGITS = 5
EDGE = 1 / 8  # of the side: border and corners, where markers and collimators lie


def measure_maps(
    evidence: Maps,
    *,
    on_square: Maps,
    redrawn: Mapping[str, Maps],
    all_redrawn: Sequence[Maps],
    repeated: Mapping[str, Maps],
    road: tuple[Floats, Floats],
) -> MapFigures:
    """Turn maps into figures.

    Args:
        evidence: shape (n_images, h, w), one film a study, logit units.
        on_square: shape (n_images, side, side), evidence laid over the square.
        redrawn: part -> maps of the network with its weights drawn anew down to there.
        all_redrawn: maps of networks with all weights drawn anew, each by itself.
        repeated: change -> maps of films hardly changed.
        road: shape (k,) each, ROAD of the map and of a map that points nowhere.
    """
    return MapFigures(
        n_images=len(evidence),
        grid=evidence.shape[1:],
        redrawn={k: _agreement(evidence, maps) for k, maps in redrawn.items()},
        all_redrawn=_likeness(evidence, all_redrawn),
        repeated={k: _agreement(evidence, maps) for k, maps in repeated.items()},
        road=_mean(road[0] - road[1]),
        corners=_mean(concentration(on_square, corners=True)),
        borders=_mean(concentration(on_square, corners=False)),
    )


def mean_interval(values: Floats) -> Interval | None:
    """Return the mean over films with Student's interval; NaN films are left out."""
    known = values[np.isfinite(values)]
    n = len(known)
    if n < 2:
        return None
    step = float(t.ppf(0.975, n - 1)) * float(known.std(ddof=1)) / sqrt(n)
    mean = float(known.mean())
    return Interval(mean, mean - step, mean + step, n)


def rank_correlation(one: Maps, other: Maps) -> Floats:
    """Correlate maps film by film by the ranks of their cells (Spearman).

    Returns:
        Shape (n_images,), -1 to 1; NaN where a map is the same everywhere.
    """
    found = []
    for first, second in zip(one, other, strict=True):
        a, b = (
            rankdata(each.ravel()) - (each.size + 1) / 2 for each in (first, second)
        )
        spread = sqrt(float(a @ a) * float(b @ b))
        found.append(float(a @ b) / spread if spread else np.nan)
    return np.array(found)


def concentration(evidence: Maps, *, corners: bool) -> Floats:
    """Share of a map's positive evidence at the edge, over the edge's share of area.

    Args:
        evidence: shape (n_images, h, w), laid over the square.
        corners: the four corners of `EDGE` a side; else the border of that width.

    Returns:
        Shape (n_images,), 0 and up, 1 for evidence spread evenly; NaN without any.
    """
    down, across = (_at_edge(cells) for cells in evidence.shape[1:])
    weight = (
        down[:, None] * across[None, :]
        if corners
        else 1 - (1 - down)[:, None] * (1 - across)[None, :]
    )
    positive = np.maximum(evidence, 0).astype(np.float64)
    total = positive.sum(axis=(1, 2))
    share = np.divide(
        (positive * weight).sum(axis=(1, 2)),
        total,
        out=np.full(len(total), np.nan),
        where=total > 0,
    )
    return np.asarray(share / weight.mean())


def _at_edge(cells: int) -> Floats:
    """Share of each cell of an axis that lies within `EDGE` of either end."""
    start = np.arange(cells) / cells
    end = start + 1 / cells
    low = np.clip(EDGE - start, 0, 1 / cells)
    high = np.clip(end - (1 - EDGE), 0, 1 / cells)
    return np.asarray((low + high) * cells)


def _agreement(evidence: Maps, maps: Maps) -> Estimate | None:
    return _mean(rank_correlation(evidence, maps))


def _likeness(evidence: Maps, redrawn: Sequence[Maps]) -> Estimate | None:
    """Return how alike maps are to those of networks without what was learnt.

    The mean over networks of the absolute correlation, which its sign, a matter of
    luck, would hide; the interval counts networks, which differ more than films do.
    """
    correlations = [rank_correlation(evidence, maps) for maps in redrawn]
    known = [each[np.isfinite(each)] for each in correlations]
    alike = np.array([abs(each.mean()) if len(each) else np.nan for each in known])
    found = _mean(alike)
    n = min(map(len, known), default=0)
    return found.model_copy(update={"n": n}) if found else None


def _mean(values: Floats) -> Estimate | None:
    """Round, so that a network's last digits, which vary from run to run, do not."""
    found = estimate(mean_interval(values))
    if found is None:
        return None
    value, low, high = (round(number, DIGITS) for number in found.limits)
    return Estimate(value=value, low=low, high=high, n=found.n)
