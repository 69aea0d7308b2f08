"""
Whether the map points at what a radiologist drew a box around.

The network never saw a box, and a box is not all that is abnormal in a film: these
figures are read beside the share of the area, which evidence anywhere would reach.

Pointing game: Zhang, Top-down Neural Attention by Excitation Backprop, 2016. Pixel AUC:
how often a place inside has more evidence than one outside, the mean over films.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import (
    Floats,
    by_patient,
    codes,
    percentile,
    proportion,
)
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import BoxFigures

GRID = 64  # cells a side on which map and box are compared
LEVELS = 40  # of evidence, tried for the overlap
FOLDS = 5  # of patients: the level of one is chosen on the others

Mask = npt.NDArray[np.bool_]
Heat = npt.NDArray[np.float32]


def measure_boxes(
    images: pd.DataFrame, heat: Heat, boxes: pd.DataFrame, *, seed: int
) -> list[BoxFigures]:
    """Compare maps with boxes, films of train and of val apart.

    Args:
        images: n rows of SPLITS, each with a box.
        heat: shape (n, GRID, GRID), logits above the balanced threshold, laid over the
            film.
        boxes: rows of `data.finding_boxes`; several of one film are joined.
        seed: of the bootstrap over patients.

    Returns:
        One of train, one of val. The network learnt the label of train's films, so
        those flatter it.
    """
    drawn = dict(list(boxes.groupby("image_id")))
    masks = np.stack([box_mask(drawn[name]) for name in images.image_id])
    return [
        _figures(
            side,
            heat[at].astype(np.float64),
            masks[at],
            images.patient_id[at].to_numpy(),
            seed=seed,
        )
        for side in ("train", "val")
        for at in [(images.split == side).to_numpy(dtype=bool)]
    ]


def box_mask(boxes: pd.DataFrame) -> Mask:
    """Mark the cells whose middle lies in any box: shape (GRID, GRID)."""
    middle = (np.arange(GRID) + 0.5) / GRID
    mask = np.zeros((GRID, GRID), dtype=bool)
    for box in boxes.itertuples():
        across = (middle >= box.left) & (middle < box.left + box.width)
        down = (middle >= box.top) & (middle < box.top + box.height)
        mask |= down[:, None] & across[None, :]
    return mask


def peak(heat: Floats) -> tuple[int, int]:
    """Return the place of the largest value, of a plateau its middle."""
    row, column = np.argwhere(heat == heat.max()).mean(0).round().astype(int)
    return int(row), int(column)


def evidence_inside(heat: Floats, mask: Mask) -> float:
    """Return the share of what is coloured that lies inside; NaN without any."""
    coloured = np.maximum(heat, 0)
    total = float(coloured.sum())
    return float(coloured[mask].sum()) / total if total else float("nan")


def pixel_auc(heat: Floats, mask: Mask) -> float:
    """Return how often a cell inside has more evidence than one outside; NaN: none."""
    inside, outside = int(mask.sum()), int((~mask).sum())
    if not (inside and outside):
        return float("nan")
    ranks = float(rankdata(heat)[mask.ravel()].sum())
    return (ranks - inside * (inside + 1) / 2) / (inside * outside)


def overlap_at(heat: Floats, mask: Mask, levels: Floats) -> Floats:
    """Return the IoU of the mask and the cells from each level on: shape (levels,)."""
    hot = heat.ravel() >= levels[:, None]
    both = (hot & mask.ravel()).sum(1)
    either = hot.sum(1) + mask.sum() - both
    return np.asarray(both / np.maximum(either, 1), dtype=np.float64)


def level_of_others(overlap: Floats, patient: npt.ArrayLike) -> Floats:
    """Return each film's overlap at the level that is best for other patients' films.

    Args:
        overlap: shape (n, levels).
        patient: shape (n,).

    Returns:
        Shape (n,); NaN with one patient alone.
    """
    fold = codes(patient) % FOLDS
    found = np.full(len(overlap), np.nan)
    for each in np.unique(fold):
        if (fold != each).any():
            best = int(overlap[fold != each].mean(0).argmax())
            found[fold == each] = overlap[fold == each, best]
    return found


def _figures(
    side: str,
    heat: Floats,
    masks: Mask,
    patient: npt.NDArray[np.object_],
    *,
    seed: int,
) -> BoxFigures:
    if not len(heat):
        return BoxFigures(split=side, n_images=0, n_patients=0)
    pairs = list(zip(heat, masks, strict=True))
    levels = np.quantile(heat, np.linspace(0.5, 0.995, LEVELS))
    overlap = np.stack([overlap_at(*pair, levels) for pair in pairs])
    hit = np.array([mask[peak(each)] for each, mask in pairs])
    area = masks.mean((1, 2))
    inside = np.array([evidence_inside(*pair) for pair in pairs])
    found = {
        "area": area,
        "pointing_gain": hit - area,
        "inside": inside,
        "inside_gain": inside - area,
        "pixel_auc": np.array([pixel_auc(*pair) for pair in pairs]),
        "iou": level_of_others(overlap, patient),
    }
    return BoxFigures(
        split=side,
        n_images=len(heat),
        n_patients=len(np.unique(patient)),
        pointing=estimate(proportion(hit, patient)),
        level=float(levels[overlap.mean(0).argmax()]),
        **_means(found, patient, seed=seed),
    )


def _means(
    found: dict[str, Floats], patient: npt.ArrayLike, *, seed: int
) -> dict[str, Estimate | None]:
    """Take means over films; films without a value, such as without colour, are out."""
    draws = by_patient(
        {name: _mean_of(values) for name, values in found.items()}, patient, seed=seed
    )
    means = {}
    for name, values in found.items():
        known = values[np.isfinite(values)]
        value = float(known.mean()) if len(known) > 1 else float("nan")
        means[name] = estimate(percentile(value, draws[name], n=len(known)))
    return means


def _mean_of(values: Floats) -> Callable[[Floats], Floats]:
    """Return the mean over films under weights, shape (rounds, n) -> (rounds,)."""
    known = np.isfinite(values)

    def mean(weights: Floats) -> Floats:
        kept = weights[:, known]
        total = kept.sum(1)
        above = kept @ values[known]
        found = np.full(len(total), np.nan)
        return np.divide(above, total, out=found, where=total > 0)

    return mean
