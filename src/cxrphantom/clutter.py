"""
What lies on a chest without being a finding, drawn whatever the label.

Nipple shadows, a healed granuloma, ECG electrodes with their wires, folds of a gown.
"""

from dataclasses import dataclass

import numpy as np

from cxrphantom.blur import clouds
from cxrphantom.rays import Geometry, splat
from cxrphantom.thorax import Thorax


@dataclass(frozen=True)
class Clutter:
    """What else is in the way of the beam; arrays (rows, columns), float32."""

    tissue: np.ndarray  # mm of soft tissue
    bone: np.ndarray  # mm of cortical bone or its like


def draw_clutter(
    rng: np.random.Generator, thorax: Thorax, geometry: Geometry, *, bedside: bool
) -> Clutter:
    """Draw one film's distractors; `bedside` films carry more of them."""
    shape = (geometry.rows, geometry.columns)
    tissue = 2.2 * clouds(rng, shape, coarsest=3, octaves=5)
    bone = np.zeros(shape, np.float32)
    if rng.random() < 0.06:
        tissue += _nipples(rng, thorax, geometry)
    if rng.random() < 0.06:
        bone += _granuloma(rng, thorax, geometry)
    if rng.random() < (0.5 if bedside else 0.04):
        bone += _electrodes(rng, thorax, geometry)
    return Clutter(tissue, bone)


def _ball(centre: np.ndarray, radius: float) -> np.ndarray:
    reach = np.arange(-radius, radius + 0.5, max(radius / 4, 0.5))
    grid = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
    return grid[(grid**2).sum(axis=1) <= radius**2] + centre


def _solid(points: np.ndarray, volume: float, geometry: Geometry) -> np.ndarray:
    return splat(points, np.full(len(points), volume / len(points)), geometry)


def _nipples(
    rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    front = -(thorax.traits.depth + 24)
    level = thorax.base + 0.34 * (thorax.apex - thorax.base)
    total = np.zeros((geometry.rows, geometry.columns), np.float32)
    for side in (-1, 1):
        x = side * thorax.traits.breadth * rng.uniform(0.60, 0.70)
        spot = np.array([x, front, level + rng.normal(0, 4)])
        total += _solid(_ball(spot, 4.5), 300.0, geometry)
    return total


def _granuloma(
    rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    at = rng.uniform([-0.6, -0.6, 0.4], [0.6, 0.6, 0.85])[None]
    spot = thorax.place(int(rng.integers(2)), at)[0]
    radius = rng.uniform(1.6, 2.6)
    return _solid(_ball(spot, radius), 2.6 * radius**3, geometry)


def _electrodes(
    rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    front = -(thorax.traits.depth + 26)
    width, span = thorax.traits.breadth, thorax.apex - thorax.base
    total = np.zeros((geometry.rows, geometry.columns), np.float32)
    end = np.array([rng.normal(0, 60), front - 8, thorax.base - 160])
    for x, z in ((-0.75, 0.80), (0.75, 0.80), (0.85, 0.22))[: int(rng.integers(2, 4))]:
        x, z = x + rng.normal(0, 0.08), z + rng.normal(0, 0.05)
        spot = np.array([x * width, front, thorax.base + z * span])
        total += _solid(_ball(spot, 5.0), 220.0, geometry)
        t = np.linspace(0, 1, 600)[:, None]
        wire = spot + t * (end - spot)
        wire[:, 0] += rng.normal(0, 35) * np.sin(np.pi * t[:, 0])
        length = float(np.linalg.norm(end - spot))
        total += _solid(wire, 1.3 * length, geometry)
    return total
