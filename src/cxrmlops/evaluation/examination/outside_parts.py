"""
What the outside of a film adds to what its inside says.

The frame and the corners of a film show markers and collimators, but shoulders, arms
and neck, too: on real films they tell sick from well (AUC .67 to .77) as the chest
beside them does. A shortcut is what they know beyond that. So a reader of the whole
thumbnail is compared with one that lacks the part; both know age, sex and view.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.examination.probes import read_grey
from cxrmlops.evaluation.performance.studies import join_scores
from cxrmlops.evaluation.performance.thumbnail import SIDE
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.intervals import Interval

CORNER = 3  # of 16 thumbnail pixels a side: where markers lie
CENTURY = 100.0  # years; brings ages to the scale of grey values

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _parts() -> Mapping[str, Mask]:
    """Mark the outermost ring and the four corners: shape (256,) each."""
    place = np.arange(SIDE)
    edge = (place == 0) | (place == SIDE - 1)
    far = (place < CORNER) | (place >= SIDE - CORNER)
    return {
        "frame": (edge[:, None] | edge[None, :]).ravel(),
        "corners": (far[:, None] & far[None, :]).ravel(),
    }


PARTS = _parts()


def measure_excess(
    images: pd.DataFrame, thumbnails: Grey, *, rule: str
) -> dict[str, Interval | None]:
    """Return, for each part, how much it adds to the AUC on val: paired, by patient.

    Args:
        images: train and val rows of SPLITS.
        thumbnails: shape (n_images, 256), of the same films.
        rule: joins a study's films.

    Returns:
        Part -> difference of AUCs; None where there are too few patients to learn from.
    """
    person = _person(images)
    whole = _on_val(np.hstack([thumbnails, person]), images, rule)
    found: dict[str, Interval | None] = {}
    for name, part in PARTS.items():
        inside = _on_val(np.hstack([thumbnails[:, ~part], person]), images, rule)
        found[name] = (
            None
            if whole is None or inside is None
            else auc_difference(
                whole.probability,
                inside.probability,
                whole.abnormal,
                whole.patient_id,
            ).interval
        )
    return found


def _person(images: pd.DataFrame) -> Grey:
    """Return age, sex and view as numbers from 0 to 1: shape (n_images, k)."""
    levels = pd.get_dummies(images[["sex", "view"]].astype(str))
    age = images.age_years.astype("float64")
    known = age.fillna(age.median()).fillna(0.0) / CENTURY
    return levels.assign(age=known).to_numpy(dtype=np.float32)


def _on_val(values: Grey, images: pd.DataFrame, rule: str) -> pd.DataFrame | None:
    learnt = (images.split == "train").to_numpy(dtype=bool)
    is_asf = images.abnormal.to_numpy(dtype=bool)
    score = read_grey(values, is_asf, learnt, images.patient_id)
    if score is None:
        return None
    val = (images.split == "val").to_numpy(dtype=bool)
    return join_scores(images[val], score[val], rule=rule)
