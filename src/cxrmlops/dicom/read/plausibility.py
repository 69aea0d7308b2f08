"""
Whether a picture can be a chest film at all, by its grey values.

All questions are asked of a thumbnail. The bounds were set on 859 real films with a
wide margin: a rare disease must never look like a technical fault.
"""

import numpy as np
from PIL import Image

SIDE = 64  # pixels of the thumbnail's side

_MIN_SPREAD = 0.05  # 2nd to 98th percentile; real films 0.36 and more
_SAME = 0.004  # neighbours closer than this are alike
_MIN_VARIED = 0.2  # fraction of pixels unlike a neighbour; real films 0.61 and more
_MIN_NEIGHBOURHOOD = 0.5  # correlation of neighbours; real films 0.92 and more
_FLAT = 0.01  # a row or column that varies less is outside the field
_MAX_NEGATIVE = -0.20  # likeness to a thorax; real films -0.14 and more


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrink a picture of any shape to (SIDE, SIDE) by means, whatever its aspect."""
    return _shrink(image, SIDE)


def thinned(image: np.ndarray, *, samples: int) -> np.ndarray:
    """Take every n-th row and column, so that at least `samples` of each are left."""
    down, across = (max(1, side // samples) for side in image.shape)
    return image[::down, ::across]


def is_blank(small: np.ndarray) -> bool:
    """Tell a thumbnail without anything on it, or with a frame around nothing."""
    low, high = np.percentile(small, [2, 98])
    beside = np.abs(np.diff(small, axis=1))[:-1] > _SAME
    below = np.abs(np.diff(small, axis=0))[:, :-1] > _SAME
    return bool(high - low < _MIN_SPREAD or (beside | below).mean() < _MIN_VARIED)


def is_noise(small: np.ndarray) -> bool:
    """Tell a thumbnail in which neighbours have nothing in common."""
    steps = np.square(np.diff(small, axis=0)).mean()
    steps += np.square(np.diff(small, axis=1)).mean()
    return bool(1 - steps / (4 * small.var()) < _MIN_NEIGHBOURHOOD)


def is_negative(small: np.ndarray) -> bool:
    """Tell the negative of a frontal chest film: spine dark, lungs bright.

    Of 859 real frontal films none was called so, of their negatives 849 were.
    """
    return likeness_to_thorax(small) < _MAX_NEGATIVE


def likeness_to_thorax(small: np.ndarray) -> float:
    """Correlate a thumbnail with a rough drawing of a thorax.

    Returns:
        -1 to 1; a picture and its negative have opposite signs.
    """
    drawing = _thorax()
    field = _shrink(without_frame(small), len(drawing))
    told = drawing != 0
    return float(np.corrcoef(field[told], drawing[told])[0, 1])


def _thorax() -> np.ndarray:
    """Draw spine and abdomen bright, two lungs dark; 0 says nothing."""
    side = SIDE // 2
    down, across = (np.mgrid[:side, :side] + 0.5) / side
    out = np.abs(2 * across - 1)  # 0 in the middle, 1 at either edge
    spine = (out < 0.16) & (down > 0.1)
    abdomen = (down > 0.8) & (out < 0.75)
    lungs = ((out - 0.45) / 0.27) ** 2 + ((down - 0.38) / 0.33) ** 2 < 1
    bright = spine | abdomen
    dark = lungs & ~spine
    return np.where(dark, -1 / dark.sum(), np.where(bright, 1 / bright.sum(), 0))


def without_frame(small: np.ndarray) -> np.ndarray:
    """Cut off rows and columns at the edge in which nothing happens."""
    rows = np.flatnonzero(small.std(axis=1) > _FLAT)
    columns = np.flatnonzero(small.std(axis=0) > _FLAT)
    if min(len(rows), len(columns)) < SIDE // 4:
        return small
    return small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    made = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    return np.asarray(made)
