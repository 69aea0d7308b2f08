"""
The soft parts of a chest as shapes, and how much each attenuates.

Sizes follow textbook anatomy of adults, loosely: what matters is that every film shows
lungs, heart, great vessels, diaphragm and body wall where a reader expects them, and
that no two patients are alike.
"""

from dataclasses import dataclass

import numpy as np

from cxrphantom.rays import Ellipsoid, Geometry, Shadow, Stack, join, overlap
from cxrphantom.rays import thickness as chord

SOFT = 0.0205  # attenuation per mm, soft tissue, at the beam's mean energy
FAT = 0.0175
LUNG = 0.0056  # inflated lung: about a quarter of tissue
BONE = 0.040  # cortical bone at 120 kV, on top of the tissue it replaces

LEVELS = np.linspace(0, 1, 41)  # base to apex


@dataclass(frozen=True)
class Traits:
    """What makes one patient's chest unlike another's; lengths in mm."""

    sex: str  # F or M
    age: float  # years
    height: float  # base to apex of the lungs, full inspiration
    breadth: float  # half inner width of the rib cage
    depth: float  # half inner depth
    fat: float  # body wall outside the ribs
    breast: float  # thickness; 0 without
    heart: float  # factor on the heart's size
    heart_axis: float  # rad, how far the apex points down
    aorta: float  # radius of the arch
    unfolding: float  # how far the aorta bulges to the left
    mediastinum: float  # half width above the heart
    dome: float  # right dome over the left
    bend: float  # of the spine, to the side
    kyphosis: float  # bend of the spine to the back
    rib_slope: float  # drop of a rib from back to front
    rib_gap: float  # from rib to rib
    bone: float  # factor on mineral content
    vessels: int  # seed of the vessel tree


def draw_traits(rng: np.random.Generator, *, sex: str, age: float) -> Traits:
    """Draw an adult's chest."""
    size = (1.0 if sex == "M" else 0.92) * rng.normal(1, 0.035)
    stout = rng.normal(0, 1) + 0.008 * (age - 50)
    old = np.clip((age - 40) / 45, 0, 1)
    return Traits(
        sex=sex,
        age=age,
        height=258 * size * rng.normal(1, 0.05),
        breadth=142 * size * (1 + 0.025 * stout) * rng.normal(1, 0.04),
        depth=88 * size * (1 + 0.03 * stout + 0.06 * old) * rng.normal(1, 0.04),
        fat=float(np.clip(17 + 8 * stout, 7, 45)),
        breast=float(np.clip(rng.normal(22, 9), 5, 48)) if sex == "F" else 0.0,
        heart=float(
            np.clip(rng.normal(1.0 + 0.02 * stout + 0.03 * old, 0.06), 0.85, 1.16)
        ),
        heart_axis=float(np.clip(rng.normal(0.62 - 0.05 * stout, 0.12), 0.3, 0.95)),
        aorta=float(rng.normal(16 + 3 * old, 1.5)),
        unfolding=float(max(0, rng.normal(8 * old, 4))),
        mediastinum=float(np.clip(rng.normal(22 + 2 * stout, 3), 15, 34)),
        dome=float(rng.normal(14, 6)),
        bend=float(rng.normal(0, 5)),
        kyphosis=float(rng.normal(12 + 12 * old, 5)),
        rib_slope=float(rng.normal(72, 11)),
        rib_gap=23.5 * size * rng.normal(1, 0.04),
        bone=float(rng.normal(1.05 - 0.25 * old, 0.08)),
        vessels=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Thorax:
    """One patient's shapes at one depth of breath, in the patient's frame."""

    traits: Traits
    base: float  # z of the deepest recess of the lungs, mm
    apex: float  # z of the top of the lungs
    body: tuple[Stack, ...]
    breasts: tuple[Ellipsoid, ...]
    lungs: tuple[Stack, Stack]  # right, left
    domes: tuple[Ellipsoid, Ellipsoid]
    heart: tuple[Ellipsoid, Ellipsoid]  # right and left half
    vessels: tuple[Ellipsoid, ...]  # ascending aorta, arch, pulmonary trunk
    descending: Stack
    trachea: Stack
    bubble: Ellipsoid | None  # air in the stomach

    def place(self, side: int, at: np.ndarray) -> np.ndarray:
        """Turn lung coordinates into points of the patient's frame.

        Args:
            side: 0 right, 1 left.
            at: shape (n, 3): -1 to 1 from the midline outwards and from front to
                back, 0 to 1 from base to apex.
        """
        lung, sign = self.lungs[side], (-1, 1)[side]
        z = self.base + at[:, 2] * (self.apex - self.base)
        x, y = (np.interp(z, lung.z, lung.centre[:, k]) for k in (0, 1))
        a, b = (np.interp(z, lung.z, lung.half[:, k]) for k in (0, 1))
        return np.stack([x + sign * a * at[:, 0], y + b * at[:, 1], z], axis=1)


def cage(traits: Traits, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure the cage at `level` (0 base, 1 apex): half width, half depth in mm."""
    level = np.clip(level, 0, 1)
    width = traits.breadth * np.sqrt(1 - level**3.2) * (1 - 0.10 * (1 - level) ** 3)
    depth = traits.depth * np.sqrt(1 - level**3.0) * (0.82 + 0.18 * (1 - level))
    return width, depth


def spine_at(traits: Traits, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place the spine's middle at height `z`: x and y in mm."""
    turn = np.cos(np.asarray(z) / 90)
    return traits.bend * turn, traits.depth * 0.78 + traits.kyphosis * (turn - 0.5)


def build_thorax(
    traits: Traits, *, breath: float, heart: float = 1.0, bubble: float = 0.0
) -> Thorax:
    """Lay out the organs of one patient.

    Args:
        traits: the patient.
        breath: 1 full inspiration, 0.6 poor.
        heart: extra factor on the heart; 1 is the patient's own.
        bubble: radius of the stomach's air, mm; 0 for none.
    """
    top = traits.height * 0.49
    base = top - traits.height * (0.30 + 0.70 * breath) - 12
    level = LEVELS
    z = base + level * (top - base)
    lungs = (_lung(traits, z, level, -1), _lung(traits, z, level, 1))
    crown = base + (top - base) * 0.27
    size = traits.heart * heart * (1 + 0.12 * (1 - breath))
    left_dome = (0.50 * traits.breadth, 6.0, crown - 76 - traits.dome / 2)
    return Thorax(
        traits=traits,
        base=base,
        apex=top,
        body=_body(traits, base, top),
        breasts=_breasts(traits, crown),
        lungs=lungs,
        domes=(
            _dome(traits, (-0.49 * traits.breadth, 6, crown - 76 + traits.dome / 2)),
            _dome(traits, left_dome),
        ),
        heart=_heart(traits, crown, size),
        vessels=_great_vessels(traits, crown, size),
        descending=_descending(traits, z),
        trachea=_trachea(traits, top),
        bubble=_bubble(left_dome, bubble) if bubble else None,
    )


def air(thorax: Thorax, geometry: Geometry) -> tuple[list[np.ndarray], list[Shadow]]:
    """Measure inflated lung on each ray, and give the lungs' own shadows.

    Returns:
        Right and left: mm of lung not taken by heart, vessels or diaphragm, shape
        (rows, columns), float32; and the intervals between the lungs' surfaces.
    """
    heart = join(*(part.shadow(geometry) for part in thorax.heart))
    solid = [part.shadow(geometry) for part in thorax.vessels]
    solid.append(thorax.descending.shadow(geometry))
    found, surfaces = [], []
    for lung, dome in zip(thorax.lungs, thorax.domes, strict=True):
        own, floor = lung.shadow(geometry), dome.shadow(geometry)
        left = chord(own) - overlap(own, floor) - overlap(own, heart)
        left += overlap(own, floor, heart)
        for part in solid:
            left -= overlap(own, part)
        found.append(np.maximum(left, 0))
        surfaces.append(own)
    return found, surfaces


def _lung(traits: Traits, z: np.ndarray, level: np.ndarray, sign: int) -> Stack:
    width, depth = cage(traits, level)
    inner = traits.mediastinum * (0.75 + 0.25 * np.sin(np.pi * np.minimum(level, 0.9)))
    inner = np.minimum(inner + 8 * (1 - level) ** 2, 0.9 * width)
    spine_x, _ = spine_at(traits, z)
    centre = sign * (width + inner) / 2 + 0.4 * spine_x
    back = 4 + 0.5 * traits.kyphosis * (np.cos(z / 90) - 0.5)
    half = np.column_stack([(width - inner) / 2, depth])
    half[-1] = 0
    return Stack(z, np.column_stack([centre, back]), half, power=2.5)


def _dome(traits: Traits, centre: tuple[float, float, float]) -> Ellipsoid:
    return Ellipsoid(centre, (0.52 * traits.breadth, 1.02 * traits.depth, 76))


def _heart(traits: Traits, crown: float, size: float) -> tuple[Ellipsoid, Ellipsoid]:
    left = Ellipsoid(
        (30 * size, -0.26 * traits.depth, crown + 30 * size - 8),
        (62 * size, 48 * size, 43 * size),
        lean=-traits.heart_axis,
    )
    right = Ellipsoid(
        (-14 * size, -0.18 * traits.depth, crown + 36 * size - 8),
        (33 * size, 42 * size, 50 * size),
        lean=0.15,
    )
    return right, left


def _great_vessels(traits: Traits, crown: float, size: float) -> tuple[Ellipsoid, ...]:
    root = crown + 66 * size
    r, reach = traits.aorta, traits.unfolding
    return (
        Ellipsoid((-13 - 0.3 * reach, -10, root + 22), (17, 20, 48), lean=-0.08),
        Ellipsoid((14 + 0.7 * reach, 8, root + 46), (r * 1.25, 26, r * 1.1), lean=0.1),
        Ellipsoid((20, -14, root + 6), (20 * size, 22, 26 * size), lean=0.35),
    )


def _descending(traits: Traits, z: np.ndarray) -> Stack:
    level = np.clip((z - z[0]) / (z[-1] - z[0]), 0, 1)
    spine_x, spine_y = spine_at(traits, z)
    x = spine_x * 0.6 + 14 + traits.unfolding * np.sin(np.pi * level) ** 2
    half = np.where(level < 0.70, traits.aorta * 0.85, 0.0)
    return Stack(z, np.column_stack([x, spine_y - 26]), np.column_stack([half, half]))


def _trachea(traits: Traits, top: float) -> Stack:
    z = np.linspace(top - 92, top + 80, 30)
    x = 2 + 0.35 * traits.unfolding * np.exp(-(((z - top + 70) / 30) ** 2))
    half = np.full((30, 2), (8.0 if traits.sex == "M" else 6.8))
    return Stack(z, np.column_stack([x, np.full(30, 12.0)]), half)


def _bubble(dome: tuple[float, float, float], radius: float) -> Ellipsoid:
    x, y, z = dome
    return Ellipsoid((x - 8, y, z + 66 - radius), (radius * 1.3, radius, radius * 0.8))


def _body(traits: Traits, base: float, top: float) -> tuple[Stack, ...]:
    z = np.array(
        [-420, base - 40, base + 40, 0, top - 40, top, top + 28, top + 62, 400]
    )
    wall = 15 + traits.fat
    wide, deep = traits.breadth + wall, traits.depth + 0.9 * wall
    width = np.array([wide, wide, wide, wide + 4, wide + 22, wide + 30, 120, 64, 58])
    depth = np.array([deep, deep, deep, deep, deep * 0.92, deep * 0.72, 70, 60, 62])
    fine = np.linspace(-420, 400, 165)
    half = np.column_stack([_rounded(z, width, fine), _rounded(z, depth, fine)])
    _, back = spine_at(traits, fine)
    centre = np.column_stack([0 * fine, 0.12 * back])
    return (Stack(fine, centre, half, power=2.4),)


def _rounded(z: np.ndarray, values: np.ndarray, fine: np.ndarray) -> np.ndarray:
    kernel = np.hanning(9) / np.hanning(9).sum()
    straight = np.pad(np.interp(fine, z, values), 4, mode="edge")
    return np.convolve(straight, kernel, mode="valid")


def _breasts(traits: Traits, crown: float) -> tuple[Ellipsoid, ...]:
    if not traits.breast:
        return ()
    front = -(traits.depth + 4 + 0.5 * traits.fat)
    half = (52 + 0.3 * traits.breast, traits.breast, 50 + 0.35 * traits.breast)
    low = crown + 12 - 0.25 * traits.breast - 0.3 * max(traits.age - 50, 0)
    x = 0.56 * traits.breadth
    return tuple(Ellipsoid((side * x, front, low), half) for side in (-1, 1))
