"""Where on the film the answer comes from."""

from typing import Protocol

import numpy as np


class Placed(Protocol):
    """Where a film lies in the network's square; `data.preprocess.Placement` is one."""

    @property
    def top(self) -> int:
        """First row of the square that belongs to the film."""

    @property
    def left(self) -> int:
        """First column of the square that belongs to the film."""

    @property
    def height(self) -> int:
        """Rows of the square that belong to the film."""

    @property
    def width(self) -> int:
        """Columns of the square that belong to the film."""

    @property
    def size(self) -> int:
        """Pixels per side of the square."""


def evidence_on_image(
    evidence: np.ndarray, placement: Placed, *, rows: int, columns: int
) -> np.ndarray:
    """Spread an evidence map over the film it belongs to, padding left out.

    Bilinear between the centres of the map's cells, constant beyond the outermost: a
    place on the film reads the same value however many pixels the picture has.

    Args:
        evidence: shape (h, w), logit units; it covers the whole square.
        placement: where the film lies in the square.
        rows: of the picture that is wanted; any size with the film's aspect.
        columns: likewise.

    Returns:
        Shape (rows, columns), float32, logit units; mean and colours are comparable
        between films, nothing is scaled per film.
    """
    h, w = evidence.shape
    down = _between(rows, h, placement.top, placement.height, placement.size)
    across = _between(columns, w, placement.left, placement.width, placement.size)
    return np.asarray(down @ evidence.astype(np.float32) @ across.T)


def _between(pixels: int, cells: int, start: int, length: int, size: int) -> np.ndarray:
    """Weights of bilinear interpolation along one axis, shape (pixels, cells)."""
    on_square = start + (np.arange(pixels) + 0.5) / pixels * length
    at = np.clip(
        on_square / size * cells - 0.5, 0, cells - 1
    )  # cell centres: 0, 1, ...
    lower = np.minimum(at.astype(int), max(cells - 2, 0))
    upper = np.minimum(lower + 1, cells - 1)
    weights = np.zeros((pixels, cells), np.float32)
    rows = np.arange(pixels)
    weights[rows, lower] = 1 - (at - lower)
    weights[rows, upper] += at - lower
    return weights
