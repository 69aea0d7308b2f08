"""Where on the film the answer comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Placed(Protocol):
    """Where a film lies in the network's square; `data.placement.Placement` is one."""

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


@dataclass(frozen=True)
class _WholeSquare:
    """A film that fills the square."""

    size: int
    top: int = 0
    left: int = 0

    @property
    def height(self) -> int:
        return self.size

    @property
    def width(self) -> int:
        return self.size


def evidence_on_image(
    evidence: np.ndarray,
    placement: Placed,
    *,
    places: Sequence[float],
    rows: int,
    columns: int,
) -> np.ndarray:
    """Spread an evidence map over the film it belongs to, padding left out.

    Bilinear between the places where the map's cells look, constant beyond the
    outermost: a place on the film reads the same value however many pixels the picture
    has.

    Args:
        evidence: shape (h, w), logit units.
        placement: where the film lies in the square.
        places: where the map's cells look along either axis, pixels of the square:
            `model.receptive_field`.
        rows: of the picture that is wanted; any size with the film's aspect.
        columns: likewise.

    Returns:
        Shape (rows, columns), float32, logit units; mean and colours are comparable
        between films, nothing is scaled per film.
    """
    down = _between(rows, places, placement.top, placement.height)
    across = _between(columns, places, placement.left, placement.width)
    return np.asarray(down @ evidence.astype(np.float32) @ across.T)


def evidence_on_square(
    evidence: np.ndarray, *, places: Sequence[float], size: int, side: int
) -> np.ndarray:
    """Spread evidence maps over the network's square.

    Args:
        evidence: shape (n, h, w).
        places: where the maps' cells look.
        size: pixels per side of the square.
        side: pixels per side of what is wanted.

    Returns:
        Shape (n, side, side), float32.
    """
    whole = _WholeSquare(size)
    spread = [
        evidence_on_image(each, whole, places=places, rows=side, columns=side)
        for each in evidence
    ]
    return np.stack(spread) if spread else np.zeros((0, side, side), np.float32)


def tile_middles(cells: int, size: int) -> tuple[float, ...]:
    """Return places of cells that lie side by side, as versions before drew them."""
    return tuple((cell + 0.5) * size / cells for cell in range(cells))


def _between(
    pixels: int, places: Sequence[float], start: int, length: int
) -> np.ndarray:
    """Weights of linear interpolation along one axis, shape (pixels, cells)."""
    n = len(places)
    on_square = start + (np.arange(pixels) + 0.5) / pixels * length
    at = np.interp(on_square, places, np.arange(n))  # in cells; constant beyond
    lower = np.minimum(at.astype(int), max(n - 2, 0))
    upper = np.minimum(lower + 1, n - 1)
    weights = np.zeros((pixels, n), np.float32)
    rows = np.arange(pixels)
    weights[rows, lower] = 1 - (at - lower)
    weights[rows, upper] += at - lower
    return weights
