"""
Which way up a chest film lies: one weighted sum over a small picture of it.

The weights are a ridge regression (upright against turned by 90, 180, 270 degrees) on
1,206 frontal films of 16 x 16 pixels of NIH ChestX-ray14 (NIH Clinical Center; Wang et
al., CVPR 2017, 3462-3471), made equal left and right and rounded. On the 1,189 films of
other patients none that lies upright is called turned; of those films turned by 90, 180
or 270 degrees 97 to 98 % are.
"""

import numpy as np
from PIL import Image

TURNS = ("", "upside down", "turned by 90 degrees", "turned by 270 degrees")
_MARGIN = 0.35  # a turned film looks upright so much more when it is turned back
_CHEST = 0.3  # and then looks like a chest
_FRONTAL = 0.05  # least likeness to an upright frontal film
_LEFT_HALF = (
    (-2, -7, -39, -72, -77, -43, 5, 34),
    (-6, 0, -25, -50, -54, -37, -8, 14),
    (10, 21, 2, -20, -33, -39, -27, -6),
    (31, 38, 18, -2, -24, -38, -25, 4),
    (38, 37, 20, 3, -22, -31, -5, 35),
    (21, 22, 14, 1, -21, -28, 2, 46),
    (-12, -3, 0, -14, -36, -39, -11, 28),
    (-44, -29, -24, -41, -65, -63, -32, 1),
    (-62, -44, -34, -51, -69, -61, -29, -1),
    (-61, -43, -25, -30, -34, -18, 11, 33),
    (-47, -34, -15, -8, 5, 28, 55, 77),
    (-34, -27, -14, -2, 21, 47, 76, 99),
    (-32, -23, -11, 1, 22, 45, 69, 88),
    (-31, -18, -2, 11, 26, 41, 53, 64),
    (-20, 0, 22, 35, 44, 50, 54, 59),
    (3, 35, 62, 72, 74, 70, 69, 72),
)
_WEIGHTS = np.hstack([_LEFT_HALF, np.fliplr(_LEFT_HALF)]).astype(np.float64)


def turn(field: np.ndarray) -> str:
    """Return how a film is turned; "" if it lies upright or cannot be told.

    Args:
        field: shape (rows, columns), float32, 0-1: a thumbnail without its frame.
    """
    likeness = uprightness(field)
    best = int(likeness.argmax())
    negative = float((-likeness).max())  # exchanged black and white explains it better
    if likeness[best] < max(_CHEST, negative, likeness[0] + _MARGIN):
        return ""
    return TURNS[best]


def is_frontal(field: np.ndarray) -> bool:
    """Tell a frontal film by its picture, where the header names no view.

    Of 2,393 frontal films lying upright 1 is missed (upper 95 % bound 0.23 %). Only two
    films from the side were at hand, a patient and a dog; neither passes. This says
    little of how many would.
    """
    return bool(uprightness(field)[0] > _FRONTAL)


def uprightness(field: np.ndarray) -> np.ndarray:
    """Correlate a thumbnail with the weights, as it lies and turned in each way.

    Returns:
        Shape (4,), about -1 to 1, in the order of `TURNS`.
    """
    side = len(_WEIGHTS)
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    small = np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float64)
    spread = max(float(small.std()), 1e-6)
    small = (small - small.mean()) / spread
    views = (small, small[::-1], np.rot90(small), np.rot90(small, 3))
    length = float(np.linalg.norm(_WEIGHTS)) * side
    return np.array([(view * _WEIGHTS).sum() / length for view in views])
