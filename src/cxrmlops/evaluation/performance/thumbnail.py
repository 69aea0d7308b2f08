"""
What a 16 x 16 thumbnail alone gives away.

A logistic regression on 256 grey values sees no nodule and no rib, only posture,
habitus and exposure. A network that is not clearly better has learnt no more.
"""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.statistics.intervals import Floats
from cxrmlops.system.errors import DataError

SIDE = 16  # pixels
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C: the smaller, the more is smoothed


def shrink(squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Average each square down to a thumbnail.

    Args:
        squares: shape (n_images, size, size), uint8, size at least 16.

    Returns:
        Shape (n_images, 256), float32, 0-1, row by row.
    """
    size = squares.shape[1]
    starts = np.arange(SIDE) * size // SIDE
    lengths = np.diff(starts, append=size).astype(np.float32)
    rows = np.add.reduceat(squares, starts, axis=1, dtype=np.uint32)
    cells = np.add.reduceat(rows, starts, axis=2)
    mean = cells / (lengths[:, None] * lengths) / np.float32(255)
    return mean.reshape(len(squares), SIDE * SIDE).astype(np.float32)


def read_thumbnails(
    thumbnails: npt.NDArray[np.float32],
    abnormal: npt.ArrayLike,
    split: npt.ArrayLike,
) -> Floats:
    """Fit on train, choose the smoothing on val, and read the others.

    Args:
        thumbnails: shape (n_images, 256), from `shrink`.
        abnormal: shape (n_images,), bool; what it says of test rows is not looked at.
        split: shape (n_images,), train, val or test.

    Returns:
        Shape (n_test_images,), probability of ASF, in the order of the test rows.

    Raises:
        DataError: train or val lacks one of the classes.
    """
    is_asf, side = np.asarray(abnormal, dtype=bool), np.asarray(split, dtype=object)
    parts = {name: side == name for name in ("train", "val", "test")}
    for name in ("train", "val"):
        if len(np.unique(is_asf[parts[name]])) < 2:
            raise DataError(
                f"{name} holds one class only, so no thumbnail baseline can be fitted; "
                "enlarge the cohort"
            )
    train = thumbnails[parts["train"]].astype(np.float64)
    centre, spread = train.mean(axis=0), train.std(axis=0) + 1e-6
    grey = (thumbnails - centre) / spread
    fits = [
        LogisticRegression(C=strength, max_iter=5000).fit(
            grey[parts["train"]], is_asf[parts["train"]]
        )
        for strength in STRENGTHS
    ]
    on_val = [
        roc_auc_score(is_asf[parts["val"]], fit.decision_function(grey[parts["val"]]))
        for fit in fits
    ]
    best = fits[int(np.argmax(np.round(on_val, 9)))]  # a tie: the smoother one
    return np.asarray(best.predict_proba(grey[parts["test"]])[:, 1], dtype=np.float64)
