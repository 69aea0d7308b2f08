"""Whether a picture was drawn or written: two greys, or no detail at all."""

import numpy as np

from cxrmlops.dicom.read.plausibility import thinned

_LEVELS = 64
_SAMPLES = 512  # rows and columns that say what greys there are
_MAX_TWO_GREYS = 0.8  # share of pixels at two greys; 2,395 real films at most 0.62
_MIN_DETAIL = 0.55  # bends : steps between neighbours; real films 0.80 and more


def is_two_greys(image: np.ndarray) -> bool:
    """Tell a page of text or a pattern: nearly all pixels lie at two grey values.

    Args:
        image: shape (rows, columns), float32, 0-1.
    """
    seen = thinned(image, samples=_SAMPLES)
    levels = np.minimum((seen * _LEVELS).astype(np.int64), _LEVELS - 1)
    share = np.bincount(levels.ravel(), minlength=_LEVELS) / seen.size
    padded = np.pad(share, 1)
    near = padded[:-2] + padded[1:-1] + padded[2:]  # a grey and its neighbours
    first = int(share.argmax())
    rest = share.copy()
    rest[max(0, first - 2) : first + 3] = 0
    return bool(near[first] + rest.max() > _MAX_TWO_GREYS)


def is_smooth(small: np.ndarray) -> bool:
    """Tell a ramp or a soft spot: grey changes, but never bends.

    Args:
        small: shape (rows, columns), float32, 0-1: a thumbnail.
    """
    steps = sum(np.abs(np.diff(small, axis=axis)).mean() for axis in (0, 1))
    bends = sum(np.abs(np.diff(small, 2, axis=axis)).mean() for axis in (0, 1))
    return bool(bends < _MIN_DETAIL * steps)
