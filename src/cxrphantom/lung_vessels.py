"""Vessels of the lungs: a tree per lung, wide at the hilum, thin at the rim."""

import numpy as np

from cxrphantom.skeleton import Cloud
from cxrphantom.thorax import Thorax

GENERATIONS = 6
ROOTS = 8  # per lung


def vessel_tree(thorax: Thorax, side: int) -> Cloud:
    """Grow one lung's vessels: points in mm, volumes in mm3.

    Args:
        thorax: the patient's shapes; the tree's seed is a trait.
        side: 0 right, 1 left.
    """
    rng = np.random.default_rng([thorax.traits.vessels, side])
    start = np.tile([-0.92, 0.05, 0.52 + 0.02 * side], (ROOTS, 1))
    angle = np.linspace(-1.45, 1.35, ROOTS) + rng.normal(0, 0.12, ROOTS)
    heading = np.stack(
        [np.cos(angle), rng.normal(0, 0.45, ROOTS), 0.55 * np.sin(angle)], axis=1
    )
    radius = rng.uniform(3.4, 5.2, ROOTS) * np.where(angle < 0, 1.12, 0.92)
    length = np.full(ROOTS, 0.36)
    points, volume = [], []
    for _ in range(GENERATIONS):
        end = start + heading * length[:, None]
        cloud = _segments(thorax, side, rng, start, end, radius)
        points.append(cloud[0])
        volume.append(cloud[1])
        start, heading, radius, length = _fork(rng, end, heading, radius, length)
    return np.concatenate(points), np.concatenate(volume)


def _fork(
    rng: np.random.Generator,
    end: np.ndarray,
    heading: np.ndarray,
    radius: np.ndarray,
    length: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Split every branch in two, by Murray's law for the radii."""
    n = 2 * len(end)
    turn = rng.normal(0, 0.42, (n, 3)) * [1, 1, 0.6]
    heading = np.repeat(heading, 2, axis=0) + turn
    heading /= np.linalg.norm(heading * [1, 1, 1.8], axis=1)[:, None]
    return (
        np.repeat(end, 2, axis=0),
        heading,
        np.repeat(radius, 2) * rng.uniform(0.68, 0.86, n),
        np.repeat(length, 2) * rng.uniform(0.62, 0.86, n),
    )


def _segments(
    thorax: Thorax,
    side: int,
    rng: np.random.Generator,
    start: np.ndarray,
    end: np.ndarray,
    radius: np.ndarray,
) -> Cloud:
    """Fill straight tubes, given in lung coordinates, with sample points."""
    n = max(8, int(75 * np.abs(end - start).max()))
    t = np.linspace(0, 1, n, endpoint=False)[None, :, None]
    middle = start[:, None] + t * (end - start)[:, None]
    bow = np.sin(np.pi * t) * rng.normal(0, 0.025, (len(start), 1, 3)) * [1, 1, 0.5]
    lung = (middle + bow).reshape(-1, 3)
    inside = (np.abs(lung[:, :2]).max(axis=1) < 0.99) & (abs(lung[:, 2] - 0.5) < 0.48)
    line = thorax.place(side, lung)
    first, last = thorax.place(side, start), thorax.place(side, end)
    step = np.repeat(np.linalg.norm(last - first, axis=1) / n, n)
    wide = np.repeat(radius, n)
    line, step, wide = line[inside], step[inside], wide[inside]
    k = int(np.clip(2.5 * radius.mean() ** 1.3, 2, 14))
    spread = rng.normal(0, 0.5, (len(line), k, 3)) * wide[:, None, None]
    points = (line[:, None] + spread).reshape(-1, 3)
    return points, np.repeat(np.pi * wide**2 * step / k, k)
