"""What must not change an answer: the same film, shown or stored a little differently.

Every change takes and gives squares of shape (n, size, size), uint8; what is black from
edge to edge (the square's padding) stays black.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Squares = npt.NDArray[np.uint8]
CORNER = 1 / 8  # of the film's sides
CROP = 1 / 20  # of the film, cut off on each side
JPEG_QUALITY = 50


def window(squares: Squares, *, width: float = 1.0, level: float = 0.0) -> Squares:
    """Show through a window of another width (factor) or level (0-1 scale)."""
    grey = squares.astype(np.float32) / 255
    return _grey((grey - 0.5 - level) / width + 0.5, squares)


def gamma(squares: Squares, *, exponent: float) -> Squares:
    """Bend the grey scale, ends kept."""
    return _grey((squares.astype(np.float32) / 255) ** exponent, squares)


def jpeg(squares: Squares) -> Squares:
    """Store as baseline JPEG of `JPEG_QUALITY`, and read again."""
    return _image_by_image(squares, _through_jpeg)


def rotated(squares: Squares, *, degrees: float) -> Squares:
    """Turn about the middle, anticlockwise; what comes from outside is black."""
    return _image_by_image(
        squares,
        lambda image: np.asarray(
            Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)
        ),
    )


def corners_masked(squares: Squares) -> Squares:
    """Paint the film's corners, where markers lie, in each corner's median grey."""
    return _image_by_image(squares, _mask_corners)


def border_cut(squares: Squares) -> Squares:
    """Cut `CROP` off every side of the film, and enlarge the rest to its size."""
    return _image_by_image(squares, _cut_border)


CHANGES: Mapping[str, Callable[[Squares], Squares]] = {
    "window wider": lambda squares: window(squares, width=1.2),
    "window narrower": lambda squares: window(squares, width=0.8),
    "brighter": lambda squares: window(squares, level=-0.1),
    "darker": lambda squares: window(squares, level=0.1),
    "gamma 0.8": lambda squares: gamma(squares, exponent=0.8),
    "gamma 1.25": lambda squares: gamma(squares, exponent=1.25),
    "JPEG": jpeg,
    "rotated 5 degrees": lambda squares: rotated(squares, degrees=5),
    "corners masked": corners_masked,
    "border cut": border_cut,
}


def _grey(grey: npt.NDArray[np.floating[Any]], squares: Squares) -> Squares:
    rows = squares.max(2, keepdims=True) > 0
    columns = squares.max(1, keepdims=True) > 0
    shown = np.rint(np.clip(grey, 0, 1) * 255)
    return np.where(rows & columns, shown, 0).astype(np.uint8)


def _image_by_image(squares: Squares, change: Callable[[Squares], Squares]) -> Squares:
    if not len(squares):
        return squares
    return np.stack([change(image) for image in squares])


def _through_jpeg(image: Squares) -> Squares:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
    read = np.asarray(Image.open(file))
    rows, columns = _bounds(image)
    kept = np.zeros_like(image)  # rings beside the film would light up the padding
    kept[rows, columns] = read[rows, columns]
    return kept


def _bounds(image: Squares) -> tuple[slice, slice]:
    """Return the rows and columns between which the film lies in its square."""
    bounds = []
    for axis in (1, 0):
        there = np.flatnonzero(image.max(axis=axis))
        first, last = (there[0], there[-1]) if len(there) else (0, image.shape[0] - 1)
        bounds.append(slice(int(first), int(last) + 1))
    return bounds[0], bounds[1]


def _mask_corners(image: Squares) -> Squares:
    rows, columns = _bounds(image)
    masked = image.copy()
    inside = masked[rows, columns]  # a view
    high, wide = (max(1, round(CORNER * side)) for side in inside.shape)
    for down in (slice(None, high), slice(-high, None)):
        for across in (slice(None, wide), slice(-wide, None)):
            inside[down, across] = np.median(inside[down, across])
    return masked


def _cut_border(image: Squares) -> Squares:
    rows, columns = _bounds(image)
    inside = Image.fromarray(image[rows, columns])
    high, wide = inside.height * CROP, inside.width * CROP
    box = (wide, high, inside.width - wide, inside.height - high)
    cut = np.zeros_like(image)
    cut[rows, columns] = np.asarray(
        inside.resize(inside.size, Image.Resampling.BILINEAR, box=box)
    )
    return cut
