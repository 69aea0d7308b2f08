"""
How much of a shape lies on the way from the X-ray source to each pixel.

The patient's frame, in mm: x to the patient's left, y to the back, z up; the origin is
the middle of the chest. The beam runs along y (frontal) or x (lateral). Rays diverge
from one source point; inside one organ they are taken as parallel, at the
magnification of the organ's own depth, so every chord has a closed form.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FRONTAL, LATERAL = 1, 0  # axis of the patient's frame that the beam follows


class Shadow(NamedTuple):
    """Where a ray enters and leaves an organ; equal where it passes by.

    Both of shape (rows, columns), float32, mm along the beam.
    """

    near: np.ndarray
    far: np.ndarray


@dataclass(frozen=True)
class Geometry:
    """Where source, patient and detector stand during one exposure."""

    axis: int  # FRONTAL or LATERAL
    source: float  # position on that axis, mm
    detector: float
    rows: int
    columns: int
    spacing: float  # mm per pixel at the detector
    centre: tuple[float, float] = (0.0, 0.0)  # film centre off the beam, mm
    yaw: float = 0.0  # rad, patient turned about z
    tilt: float = 0.0  # mm of z per mm of y: patient or tube leaning
    roll: float = 0.0  # rad, patient leaning sideways

    def magnification(self, depth: float | np.ndarray) -> float | np.ndarray:
        """Return how much larger than life something at `depth` appears."""
        return (self.source - self.detector) / (self.source - depth)

    def pose(self, points: np.ndarray) -> np.ndarray:
        """Turn points of shape (n, 3) as the patient stands in the beam."""
        x, y, z = points.T
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x, y = cos * x + sin * y, cos * y - sin * x
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        x, z = cos * x + sin * z, cos * z - sin * x
        return np.stack([x, y, z + self.tilt * y], axis=1)

    def pixels(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project posed points of shape (n, 3): row, column and magnification."""
        m = np.asarray(self.magnification(points[:, self.axis]))
        row = self.rows / 2 - 0.5 - (points[:, 2] * m - self.centre[1]) / self.spacing
        across = points[:, 1 - self.axis] * m - self.centre[0]
        return row, self.columns / 2 - 0.5 + across / self.spacing, m

    def grid(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """Name the place of every pixel at `depth`: across (columns,), z (rows,)."""
        m = self.magnification(depth)
        column = np.arange(self.columns) - (self.columns - 1) / 2
        row = (self.rows - 1) / 2 - np.arange(self.rows)
        across = (column * self.spacing + self.centre[0]) / m
        z = (row * self.spacing + self.centre[1]) / m
        return across.astype(np.float32), z.astype(np.float32)


@dataclass(frozen=True)
class Stack:
    """An organ as a pile of superellipses, one per height; arrays of shape (k,)."""

    z: np.ndarray  # mm, rising
    centre: np.ndarray  # shape (k, 2): x and y
    half: np.ndarray  # shape (k, 2): half width in x and y; 0 closes the organ
    power: float = 2.0  # 2: ellipse; more: squarer

    def shadow(self, geometry: Geometry) -> Shadow:
        """Find entry and exit of every ray."""
        axis, other = geometry.axis, 1 - geometry.axis
        middle = np.column_stack([self.centre, self.z])
        middle = geometry.pose(middle)
        across, z = geometry.grid(float(middle[:, axis].mean()))
        order = np.argsort(middle[:, 2])

        def at(values: np.ndarray, outside: float | None = None) -> np.ndarray:
            levels = middle[order, 2]
            found = np.interp(z, levels, values[order], left=outside, right=outside)
            return found.astype(np.float32)[:, None]

        width = np.maximum(at(self.half[:, other], 0.0), 1e-3)
        depth, place = at(self.half[:, axis], 0.0), at(middle[:, axis])
        q = np.abs(across[None, :] - at(middle[:, other])) / width
        half = depth * _superellipse(np.minimum(q, 1), self.power)
        return Shadow(place - half, place + half)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, tilted in the frontal plane."""

    centre: tuple[float, float, float]  # mm
    half: tuple[float, float, float]  # mm, before the tilt
    lean: float = 0.0  # rad, turns its x axis towards z

    def shadow(self, geometry: Geometry) -> Shadow:
        """Find entry and exit of every ray: the roots of a quadratic."""
        axis, other = geometry.axis, 1 - geometry.axis
        origin = geometry.pose(np.zeros((1, 3)))
        frame = (geometry.pose(_lean(self.lean)) - origin).T * np.array(self.half)
        form = np.linalg.inv(frame @ frame.T).astype(np.float32)
        middle = geometry.pose(np.array([self.centre]))[0].astype(np.float32)
        across, z = geometry.grid(float(middle[axis]))
        u, w = across[None, :] - middle[other], z[:, None] - middle[2]
        a = form[axis, axis]
        b = form[axis, other] * u + form[axis, 2] * w
        c = form[other, other] * u * u + (form[2, 2] * w * w - 1)
        c += (2 * form[other, 2]) * w * u
        root = np.sqrt(np.maximum(b * b - a * c, 0)) / a
        place = middle[axis] - b / a
        return Shadow(place - root, place + root)


def _lean(angle: float) -> np.ndarray:
    """Return the ellipsoid's three axes as rows."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _superellipse(q: np.ndarray, power: float) -> np.ndarray:
    """Half depth over full half depth, `q` of the half width off the middle."""
    if power == 2:
        return np.sqrt(1 - q * q)
    return (1 - q**power) ** (1 / power)


def thickness(shadow: Shadow) -> np.ndarray:
    """Measure the chord: shape (rows, columns), float32, mm."""
    return shadow.far - shadow.near


def overlap(*shadows: Shadow) -> np.ndarray:
    """Measure the part of each ray that lies in all shadows: float32, mm."""
    near, far = shadows[0]
    for other in shadows[1:]:
        near, far = np.maximum(near, other.near), np.minimum(far, other.far)
    return np.maximum(far - near, 0)


def join(first: Shadow, second: Shadow) -> Shadow:
    """Unite two organs that touch or overlap along the beam."""
    empty_first, empty_second = thickness(first) <= 0, thickness(second) <= 0
    near = np.where(empty_first, second.near, np.minimum(first.near, second.near))
    far = np.where(empty_first, second.far, np.maximum(first.far, second.far))
    near = np.where(empty_second, first.near, near)
    far = np.where(empty_second, first.far, far)
    return Shadow(near, far)


def splat(points: np.ndarray, volume: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Project a cloud of little volumes; for everything thin, in any direction.

    Args:
        points: shape (n, 3), mm, in the patient's frame.
        volume: shape (n,), mm3 each; may be negative (air in tissue).

    Returns:
        Shape (rows, columns), float32: mm of material on each ray.
    """
    row, column, m = geometry.pixels(geometry.pose(points))
    weight = volume * (m / geometry.spacing) ** 2
    inside = (row > 0) & (row < geometry.rows - 1)
    inside &= (column > 0) & (column < geometry.columns - 1)
    row, column, weight = row[inside], column[inside], weight[inside]
    top, left = row.astype(np.int64), column.astype(np.int64)
    down, right = row - top, column - left
    at = top * geometry.columns + left
    size = geometry.rows * geometry.columns
    total = np.zeros(size)
    corners = (
        (0, (1 - down) * (1 - right)),
        (1, (1 - down) * right),
        (geometry.columns, down * (1 - right)),
        (geometry.columns + 1, down * right),
    )
    for step, share in corners:
        total += np.bincount(at + step, weights=weight * share, minlength=size)
    return total.reshape(geometry.rows, geometry.columns).astype(np.float32)
