"""
Whether evidence lies where a radiologist drew a box.

The network never saw a box, and a box is not all that is abnormal in a film: these
figures are read beside the share of the area, which evidence anywhere would reach.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.examination.map_figures import mean_interval
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import Floats, proportion
from cxrmlops.records.examination import BoxFigures

GRID = 64  # cells a side on which map and box are compared
HOT = 0.5  # of a film's largest evidence; from there on a cell counts for the IoU


def measure_boxes(
    images: pd.DataFrame, evidence: npt.NDArray[np.float32], boxes: pd.DataFrame
) -> list[BoxFigures]:
    """Compare maps with boxes, films of train and of val apart.

    Args:
        images: n rows of SPLITS, each with a box.
        evidence: shape (n, GRID, GRID), logit units, laid over the film.
        boxes: rows of `data.finding_boxes`; several of one film are joined.

    Returns:
        One of train, one of val. The network learnt the label of train's films, so
        those flatter it.
    """
    rows = []
    for image_id, each in zip(images.image_id, evidence, strict=True):
        mask = box_mask(boxes[boxes.image_id == image_id])
        rows.append(_compare(each.astype(np.float64), mask))
    table = pd.DataFrame(rows, columns=["area", "inside", "iou", "pointing"])
    found = []
    for side in ("train", "val"):
        at = (images.split == side).to_numpy(dtype=bool)
        of = table[at]
        area, inside, iou = (
            estimate(mean_interval(of[name].to_numpy(dtype=float)))
            for name in ("area", "inside", "iou")
        )
        hit = of.pointing.to_numpy(dtype=bool)
        found.append(
            BoxFigures(
                split=side,
                n_images=int(at.sum()),
                area=area,
                inside=inside,
                iou=iou,
                pointing=estimate(proportion(hit, images.patient_id[at])),
            )
        )
    return found


def box_mask(boxes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Mark the cells whose middle lies in any box: shape (GRID, GRID)."""
    middle = (np.arange(GRID) + 0.5) / GRID
    mask = np.zeros((GRID, GRID), dtype=bool)
    for box in boxes.itertuples():
        across = (middle >= box.left) & (middle < box.left + box.width)
        down = (middle >= box.top) & (middle < box.top + box.height)
        mask |= down[:, None] & across[None, :]
    return mask


def _compare(
    evidence: Floats, mask: npt.NDArray[np.bool_]
) -> tuple[float, float, float, bool]:
    positive = np.maximum(evidence, 0)
    total = float(positive.sum())
    inside = float(positive[mask].sum()) / total if total else float("nan")
    hot = (positive >= HOT * positive.max()) & (positive > 0)
    iou = float((hot & mask).sum() / max(1, (hot | mask).sum()))
    return float(mask.mean()), inside, iou, bool(mask.flat[int(evidence.argmax())])
