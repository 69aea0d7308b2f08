"""One exposure: shapes, bones, vessels, findings and clutter -> attenuation per ray."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from cxrphantom.blur import blur, clouds
from cxrphantom.clutter import draw_clutter
from cxrphantom.findings import Change, Finding, changes, heart_factor, no_change
from cxrphantom.lung_vessels import vessel_tree
from cxrphantom.rays import FRONTAL, Geometry, Shadow, overlap, splat, thickness
from cxrphantom.skeleton import bones
from cxrphantom.thorax import (
    BONE,
    FAT,
    LUNG,
    SOFT,
    Thorax,
    Traits,
    air,
    build_thorax,
)

VISIBLE = 2.0 * (SOFT - LUNG)  # exponent of 2 mm of tissue in place of lung


@dataclass(frozen=True)
class Attenuation:
    """What a patient does to each ray; arrays (rows, columns)."""

    exponent: np.ndarray  # float32, of Beer-Lambert's law, no unit
    planted: np.ndarray  # bool, where findings change it by `VISIBLE` or more


def attenuation(
    traits: Traits,
    findings: tuple[Finding, ...],
    geometry: Geometry,
    rng: np.random.Generator,
    *,
    breath: float,
    bedside: bool,
) -> Attenuation:
    """Integrate attenuation along every ray, and say which rays the findings change.

    Args:
        traits: the patient.
        findings: of the study; none makes a normal film.
        geometry: source, detector and the patient's position.
        rng: draws what differs from film to film.
        breath: 1 full inspiration, 0.6 poor.
        bedside: lying or sitting in bed (AP): shoulders back, more clutter.
    """
    bubble = rng.uniform(14, 30) if rng.random() < 0.6 else 0.0
    heart = heart_factor(findings)
    thorax = build_thorax(traits, breath=breath, heart=heart, bubble=bubble)
    lungs, surfaces = air(thorax, geometry)
    change = changes(findings, thorax, geometry, surfaces)
    clutter = draw_clutter(rng, thorax, geometry, bedside=bedside)

    tree = [splat(*vessel_tree(thorax, side), geometry) for side in (0, 1)]
    total = _body(thorax.body[0].shadow(geometry), thorax, geometry)
    grain = clouds(rng, total.shape, coarsest=26, octaves=3)
    inside = partial(_lungs, tree=tree, grain=grain)
    planted = np.zeros(total.shape, bool)
    if findings:
        healthy = lungs
        if heart > 1:
            usual = build_thorax(traits, breath=breath, heart=1.0, bubble=bubble)
            healthy, _ = air(usual, geometry)
        without = inside(np.zeros_like(total), healthy, no_change(total.shape))
        apart = inside(np.zeros_like(total), lungs, change) - without
        planted = np.abs(apart) >= VISIBLE
    total = inside(total, lungs, change)
    total += SOFT * clutter.tissue * (total > 0.3)
    shoulders = 0.15 if bedside else 0.9
    arms = geometry.axis == FRONTAL
    skeleton = splat(*bones(thorax, shoulders=shoulders, arms=arms), geometry)
    total += BONE * (blur(skeleton, 0.7) + clutter.bone)
    return Attenuation(np.maximum(total, 0), planted)


def _lungs(
    total: np.ndarray,
    lungs: list[np.ndarray],
    change: Change,
    *,
    tree: list[np.ndarray],
    grain: np.ndarray,
) -> np.ndarray:
    """Take the lungs' air out of `total`, and put what findings change into it."""
    for lung, filled, gas, vessels in zip(
        lungs, change.filled, change.collapsed, tree, strict=True
    ):
        inflated = lung * (1 - filled)
        total -= (SOFT - LUNG) * inflated
        total -= LUNG * gas * inflated
        texture = vessels + 0.016 * grain * inflated
        total += (SOFT - LUNG) * texture * (1 - gas) * np.minimum(inflated / 25, 1)
    inflated = lungs[0] + lungs[1]
    added = change.tissue * np.minimum(inflated / 15, 1) + change.pleura
    total += (SOFT - LUNG) * np.minimum(added, inflated)
    return total


def _body(body: Shadow, thorax: Thorax, geometry: Geometry) -> np.ndarray:
    """Attenuate by the body wall and all tissue, as if there were no lungs."""
    traits = thorax.traits
    chord = thickness(body)
    share = min(0.5, traits.fat / 110)
    total = ((1 - share) * SOFT + share * FAT) * chord
    for breast in thorax.breasts:
        own = breast.shadow(geometry)
        total += 0.5 * (SOFT + FAT) * np.maximum(thickness(own) - overlap(own, body), 0)
    total -= 0.9 * SOFT * overlap(body, thorax.trachea.shadow(geometry))
    if thorax.bubble:
        total -= SOFT * overlap(body, thorax.bubble.shadow(geometry))
    return total
