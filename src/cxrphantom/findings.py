"""
Findings in a chest, graded from subtle (0) to obvious (1).

Each is made by physics: it adds tissue or fluid, or takes lung away, and attenuates
accordingly. None is tied to a place, a body size or a header.
"""

from dataclasses import dataclass, replace

import numpy as np

from cxrphantom.rays import Geometry, Shadow, Stack, splat, thickness
from cxrphantom.thorax import Thorax

SHARES = {  # among abnormal studies; the first finding of each
    "nodule": 0.36,
    "consolidation": 0.30,
    "effusion": 0.15,
    "pneumothorax": 0.11,
    "cardiomegaly": 0.08,
}
SECOND_FINDING = 0.25  # probability that an abnormal study has two


@dataclass(frozen=True)
class Finding:
    """One finding of one study; every image of the study shows the same."""

    code: str
    severity: float  # 0 subtle, 1 obvious
    side: int  # 0 right, 1 left
    seed: int


@dataclass
class Change:
    """What a finding does to the rays; arrays (rows, columns), float32."""

    tissue: np.ndarray  # mm of soft tissue in place of lung
    filled: list[np.ndarray]  # right, left: fraction of the lung's air gone to fluid
    collapsed: list[np.ndarray]  # right, left: fraction of the lung replaced by gas
    pleura: np.ndarray  # mm of tissue: the edge of a collapsed lung


def draw_findings(rng: np.random.Generator) -> tuple[Finding, ...]:
    """Draw one abnormal study's findings."""
    count = 1 + int(rng.random() < SECOND_FINDING)
    codes = rng.choice(list(SHARES), count, replace=False, p=list(SHARES.values()))
    return tuple(
        Finding(
            code=str(code),
            severity=float(rng.beta(1.8, 1.1)),
            side=int(rng.integers(2)),
            seed=int(rng.integers(2**31)),
        )
        for code in codes
    )


def heart_factor(findings: tuple[Finding, ...]) -> float:
    """Return how much the findings enlarge the heart."""
    grown = [1.18 + 0.22 * f.severity for f in findings if f.code == "cardiomegaly"]
    return max(grown, default=1.0)


def changes(
    findings: tuple[Finding, ...],
    thorax: Thorax,
    geometry: Geometry,
    surfaces: list[Shadow],
) -> Change:
    """Work out what the findings do to each ray.

    Args:
        findings: of the study; cardiomegaly is already in the thorax's shape.
        thorax: the patient's shapes.
        geometry: the exposure.
        surfaces: right and left lung, as `thorax.air` gives them.
    """
    change = no_change((geometry.rows, geometry.columns))
    for finding in findings:
        rng = np.random.default_rng(finding.seed)
        if finding.code == "nodule":
            change.tissue += _nodules(finding, rng, thorax, geometry)
        elif finding.code == "consolidation":
            change.tissue += _consolidation(finding, rng, thorax, geometry)
        elif finding.code == "effusion":
            change.filled[finding.side] = _effusion(finding, rng, thorax, geometry)
        elif finding.code == "pneumothorax":
            gas, line = _pneumothorax(finding, thorax, geometry, surfaces)
            change.collapsed[finding.side] = gas
            change.pleura += line
    return change


def no_change(shape: tuple[int, ...]) -> Change:
    """Return what no finding does to rays of this shape."""
    none = np.zeros(shape, np.float32)
    return Change(none.copy(), [none, none], [none, none], none.copy())


def _nodules(
    finding: Finding, rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.3, 0.2, 0.2, 0.15, 0.15]))
    clouds = []
    for _ in range(count):
        side = finding.side if rng.random() < 0.6 else 1 - finding.side
        radius = (8.5 + 9.0 * finding.severity) * rng.uniform(0.85, 1.15)
        at = [
            [rng.uniform(-0.45, 0.7), rng.uniform(-0.6, 0.6), rng.uniform(0.36, 0.86)]
        ]
        clouds.append(_lump(rng, thorax.place(side, np.array(at))[0], radius))
    points = np.concatenate(clouds)
    return splat(points, np.full(len(points), 1.0), geometry)


def _lump(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    """Fill a lobulated ball with points, one per mm3."""
    reach = np.arange(-1.4 * radius, 1.4 * radius)
    grid = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
    inside = np.zeros(len(grid), bool)
    for _ in range(4):
        lobe, size = rng.normal(0, 0.22 * radius, 3), radius * rng.uniform(0.7, 0.95)
        inside |= ((grid - lobe) ** 2).sum(axis=1) < size**2
    return grid[inside] + centre


def _consolidation(
    finding: Finding, rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    """Fill groups of acini: fluffy, ragged, partly confluent."""
    at = np.array(
        [[rng.uniform(-0.3, 0.6), rng.uniform(-0.6, 0.7), rng.uniform(0.34, 0.75)]]
    )
    centre = thorax.place(finding.side, at)[0]
    extent = (14 + 16 * finding.severity) * rng.uniform(0.8, 1.2, 3)
    acini = 34 + int(46 * finding.severity)
    spots = centre + rng.normal(0, 0.55, (acini, 3)) * extent
    radius = rng.uniform(2.5, 5.0, acini)
    grain = 160
    spread = rng.normal(0, 0.6, (acini, grain, 3)) * radius[:, None, None]
    volume = np.repeat(4.19 * radius**3 / grain, grain) * 2.4
    return splat((spots[:, None] + spread).reshape(-1, 3), volume, geometry)


def _effusion(
    finding: Finding, rng: np.random.Generator, thorax: Thorax, geometry: Geometry
) -> np.ndarray:
    """Fill the recess between diaphragm and wall up to a meniscus."""
    lung = thorax.lungs[finding.side]
    sign = (-1, 1)[finding.side]
    axis = 1 - geometry.axis
    middle = geometry.pose(np.column_stack([lung.centre, lung.z]))
    across, z = geometry.grid(float(middle[:, geometry.axis].mean()))
    outward = sign if axis == 0 else 1
    wall = outward * middle[:, axis] + lung.half[:, axis]
    edge = np.interp(z, middle[:, 2], wall)[:, None]
    away = np.maximum(edge - outward * across[None, :], 0)
    level = thorax.base + 36 + 50 * finding.severity + rng.normal(0, 3)
    rise = (12 + 22 * finding.severity) * np.exp(-away / 11)
    return _step((level + rise - z[:, None]) / 1.6)


def _pneumothorax(
    finding: Finding, thorax: Thorax, geometry: Geometry, surfaces: list[Shadow]
) -> tuple[np.ndarray, np.ndarray]:
    """Let the lung fall off the wall: gas without vessels, a fine pleural line."""
    lung = thorax.lungs[finding.side]
    gap = 14 + 24 * finding.severity  # mm at the side
    inner = _shrink(lung, gap, finding.side).shadow(geometry)
    core = _shrink(lung, gap + 0.9, finding.side).shadow(geometry)
    whole = np.maximum(thickness(surfaces[finding.side]), 1e-3)
    gas = np.clip(1 - thickness(inner) / whole, 0, 1)
    line = np.clip(thickness(inner) - thickness(core), 0, 40)
    return gas.astype(np.float32), (0.9 * line).astype(np.float32)


def _shrink(lung: Stack, gap: float, side: int) -> Stack:
    sign = (-1, 1)[side]
    span = lung.z[-1] - lung.z[0]
    level = (lung.z - lung.z[0]) / span
    gap_here = gap * (0.35 + 0.65 * level)
    half = lung.half.copy()
    half[:, 0] = np.maximum(half[:, 0] - gap_here / 2, 0)
    half[:, 1] = np.maximum(half[:, 1] - gap_here / 2, 0)
    centre = lung.centre.copy()
    centre[:, 0] -= sign * gap_here / 2
    z = lung.z[0] + (lung.z - lung.z[0]) * (1 - 1.2 * gap / span)
    return replace(lung, z=z, centre=centre, half=half)


def _step(x: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-np.clip(x, -30, 30)))).astype(np.float32)
