"""Bones as clouds of little volumes: ribs, clavicles, scapulae, spine, arms."""

import numpy as np

from cxrphantom.thorax import Thorax, Traits, cage, spine_at

RIBS = 11
STEP = 1.0  # mm between samples; a film's pixel is about that wide

Cloud = tuple[np.ndarray, np.ndarray]  # points (n, 3) in mm, volumes (n,) in mm3


def bones(thorax: Thorax, *, shoulders: float, arms: bool = True) -> Cloud:
    """Gather all bones of one patient.

    Args:
        thorax: the patient's shapes.
        shoulders: 1 rolled forward, scapulae off the lungs (PA); 0 not (AP).
        arms: hanging at the sides; raised out of the film for a lateral.

    Returns:
        Points and volumes of cortical bone; spongy bone counts by its mineral.
    """
    parts = [_rib(thorax, number) for number in range(RIBS)]
    parts += [_clavicle(thorax, shoulders), _scapula(thorax, shoulders)]
    if arms:
        parts.append(_humerus(thorax))
    left, half = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    middle, rest = _spine(thorax)
    points = np.concatenate([left, left * [-1, 1, 1], middle])
    return points, np.concatenate([half, half, rest]) * thorax.traits.bone


def strap(
    path: np.ndarray,
    outward: np.ndarray,
    height: float,
    depth: float,
    cortex: float = 1.0,
) -> Cloud:
    """Sample a bone of oval section along `path` (n, 3): two plates of cortex, marrow.

    The section is `height` mm across the path, within the surface whose normal is
    `outward`, and `depth` mm along that normal.
    """
    along = np.gradient(path, axis=0)
    step = np.linalg.norm(along, axis=1)
    tall = np.cross(along / step[:, None], outward)
    tall /= np.linalg.norm(tall, axis=1)[:, None]
    across = np.linspace(-1, 1, max(5, int(height / STEP)))
    width = height / len(across)
    edge = np.sqrt(np.maximum(1 - across**2, 0.06))
    plate = cortex / np.maximum(edge, 0.45) + 0.12 * depth * edge  # mm of mineral
    points, volume = [], []
    for layer in (-0.5, 0.5):
        shift = layer * depth * edge
        at = path[:, None] + tall[:, None] * (across * height / 2)[None, :, None]
        at = at + outward[:, None] * shift[None, :, None]
        points.append(at.reshape(-1, 3))
        volume.append((step[:, None] * (plate * width)[None, :]).ravel())
    return np.concatenate(points), np.concatenate(volume)


def _rib(thorax: Thorax, number: int) -> Cloud:
    """Bend one left rib around the cage, from the spine to its cartilage."""
    traits = thorax.traits
    end = np.deg2rad(np.interp(number, [0, 1, 6, 9, 10], [95, 125, 146, 120, 95]))
    turn = np.linspace(np.deg2rad(9), end, 240)
    origin = thorax.apex + 6 - traits.rib_gap * number * (0.86 + 0.014 * number)
    drop = traits.rib_slope * np.interp(number, [0, 2, 10], [0.45, 0.95, 1.25])
    z = origin - drop * np.sin(turn / 2) ** 2.4
    level = (z - thorax.base) / (thorax.apex - thorax.base)
    width, depth = cage(traits, np.minimum(level, 0.975 - 0.02 * (number > 0)))
    _, back = spine_at(traits, z)
    x = (width + 4) * np.sin(turn) ** 0.9
    y = (depth + 4) * np.cos(turn) + 0.1 * back
    path = np.stack([x, y, z], axis=1)
    outward = np.stack([np.sin(turn), np.cos(turn), 0 * turn], axis=1)
    return strap(path, outward, height=12.5 - 0.25 * abs(number - 4), depth=6.0)


def _clavicle(thorax: Thorax, shoulders: float) -> Cloud:
    traits, top = thorax.traits, thorax.apex
    t = np.linspace(0, 1, 170)
    x = 12 + t * traits.breadth * 1.02
    z = top - 28 + t * (20 + 14 * (1 - shoulders)) + 7 * np.sin(2 * np.pi * t)
    y = -traits.depth * (0.72 - 0.5 * t) - 8 * np.sin(2 * np.pi * t)
    path = np.stack([x, y, z], axis=1)
    outward = np.tile([0.0, -1.0, 0.0], (len(t), 1))
    return strap(path, outward, height=13.0, depth=10.0, cortex=1.6)


def _scapula(thorax: Thorax, shoulders: float) -> Cloud:
    """Lay a thin plate with a thick border and spine behind the upper ribs."""
    traits, top = thorax.traits, thorax.apex
    inner = traits.breadth * (0.70 + 0.28 * shoulders)
    corners = np.array(
        [
            [inner, 0.95 * traits.depth, top - 25],
            [inner + 12, 1.02 * traits.depth, top - 150],
            [inner + 75, 0.45 * traits.depth, top - 18],
        ]
    )
    u, v = (grid.ravel() for grid in np.meshgrid(*[np.arange(0, 1, 0.012)] * 2))
    keep = u + v < 1
    u, v = u[keep, None], v[keep, None]
    plate = corners[0] + u * (corners[1] - corners[0]) + v * (corners[2] - corners[0])
    area = 0.5 * np.linalg.norm(
        np.cross(corners[1] - corners[0], corners[2] - corners[0])
    )
    volume = np.full(len(plate), 1.6 * area / len(plate))
    rims = []
    for a, b in ((0, 1), (1, 2), (0, 2)):
        path = corners[a] + np.linspace(0, 1, 130)[:, None] * (corners[b] - corners[a])
        rims.append(strap(path, np.tile([0.0, 1.0, 0.0], (130, 1)), 7.0, 5.0))
    points = np.concatenate([plate, *(rim[0] for rim in rims)])
    return points, np.concatenate([volume, *(rim[1] for rim in rims)])


def _humerus(thorax: Thorax) -> Cloud:
    traits, top = thorax.traits, thorax.apex
    t = np.linspace(0, 1, 120)
    x = traits.breadth + 52 + 14 * t
    path = np.stack([x, 10 + 0 * t, top - 12 - 110 * t], axis=1)
    return strap(path, np.tile([0.0, 1.0, 0.0], (120, 1)), 30.0, 26.0, cortex=2.2)


def _spine(thorax: Thorax) -> Cloud:
    """Pile up vertebrae: box-like bodies, pedicles, spinous processes."""
    traits: Traits = thorax.traits
    z = np.arange(thorax.base - 190, thorax.apex + 85, STEP)
    pitch = traits.rib_gap * 0.98
    phase = (z - thorax.apex) / pitch % 1
    body = np.where(phase < 0.2, 0.12, 1.0) + np.where(abs(phase - 0.24) < 0.05, 0.9, 0)
    grow = np.interp(z, [thorax.base, thorax.apex], [1.25, 0.85])
    offset = np.arange(-16.5, 17, 1.2)
    x, y = spine_at(traits, z)
    across = x[:, None] + grow[:, None] * offset
    round_off = 14 * np.sqrt(1 - (offset / 17) ** 2)
    tall = np.broadcast_to(z[:, None], across.shape)
    points = np.concatenate(
        [
            np.stack([across, y[:, None] + half, tall], axis=-1).reshape(-1, 3)
            for half in (round_off, -round_off)
        ]
    )
    pedicles = (abs(offset) > 9) & (abs(offset) < 14)
    rim = 1 + 0.8 * (abs(offset) > 15) + 0.4 * pedicles
    mineral = 3.4 * rim[None, :] * (body * grow)[:, None]  # mm of bone along the beam
    volume = np.tile(mineral.ravel(), 2) * STEP * 1.2 / 2
    knobs = _processes(traits, thorax, pitch)
    return np.concatenate([points, knobs[0]]), np.concatenate([volume, knobs[1]])


def _processes(traits: Traits, thorax: Thorax, pitch: float) -> Cloud:
    levels = np.arange(thorax.base - 170, thorax.apex + 60, pitch)
    x, y = spine_at(traits, levels)
    golden = np.arange(60) * 2.399963
    disc = np.sqrt((np.arange(60) + 0.5) / 60)[:, None]
    disc = disc * np.stack([np.cos(golden), np.sin(golden)], axis=1)
    points = []
    for shift, size, back in ((0, (3.5, 7.0), 45), (-12, (4, 6), 20), (12, (4, 6), 20)):
        spot = np.stack([disc[:, 0] * size[0] + shift, 0 * golden + back], axis=1)
        spot = np.column_stack([spot, disc[:, 1] * size[1]])
        points += [spot + [a, b, c] for a, b, c in zip(x, y, levels, strict=True)]
    cloud = np.concatenate(points)
    return cloud, np.full(len(cloud), 5.0)
