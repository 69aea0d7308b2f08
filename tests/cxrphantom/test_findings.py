from collections import Counter

import numpy as np
import pytest

from cxrphantom.exposure import VISIBLE, Attenuation, attenuation
from cxrphantom.findings import SHARES, Finding, draw_findings
from cxrphantom.rays import FRONTAL, Geometry
from cxrphantom.thorax import draw_traits

SIDE = 160
BEAM = Geometry(FRONTAL, 1680.0, -120.0, SIDE, SIDE, 410 / SIDE)


def rays(*findings: Finding) -> Attenuation:
    """Expose one patient, the same but for the findings."""
    traits = draw_traits(np.random.default_rng(1), sex="M", age=50)
    rng = np.random.default_rng(2)
    return attenuation(traits, findings, BEAM, rng, breath=0.9, bedside=False)


def expose(*findings: Finding) -> np.ndarray:
    """Take the exponent alone."""
    return rays(*findings).exponent


@pytest.mark.parametrize("code", sorted(SHARES))
def test_the_planted_mask_is_where_the_film_differs_from_the_healthy_one(code):
    sick = rays(Finding(code, 0.6, 0, 5))

    apart = np.abs(sick.exponent - expose())
    assert sick.planted.any()
    # all that differs clearly is marked, and all that is marked differs
    assert sick.planted[apart > 1.2 * VISIBLE].mean() > 0.99
    assert (apart[sick.planted] > 0.8 * VISIBLE).mean() > 0.95


def test_a_healthy_patient_has_nothing_planted():
    assert not rays().planted.any()


@pytest.mark.parametrize("code", sorted(set(SHARES) - {"pneumothorax"}))
def test_a_finding_takes_more_of_the_beam_the_graver_it_is(code):
    normal, subtle, obvious = (
        expose(*findings)
        for findings in ((), (Finding(code, 0.1, 0, 5),), (Finding(code, 0.9, 0, 5),))
    )

    assert (subtle - normal).sum() > 0
    assert (obvious - normal).sum() > 1.3 * (subtle - normal).sum()


def test_a_pneumothorax_lets_more_of_the_beam_through():
    change = expose(Finding("pneumothorax", 0.9, 1, 5)) - expose()

    assert change.sum() < 0
    assert change.max() > 0.02  # the pleural line


@pytest.mark.parametrize("side", [0, 1])
def test_an_effusion_stays_on_its_side(side):
    change = expose(Finding("effusion", 0.8, side, 5)) - expose()

    halves = np.abs(change[:, : SIDE // 2]).sum(), np.abs(change[:, SIDE // 2 :]).sum()
    assert halves[side] > 20 * halves[1 - side]


@pytest.mark.parametrize("code", sorted(set(SHARES) - {"cardiomegaly"}))
def test_a_finding_is_local(code):
    change = np.abs(expose(Finding(code, 0.6, 0, 5)) - expose())

    assert (change > 0.02).mean() < 0.2


def test_every_kind_of_finding_is_drawn_from_subtle_to_obvious():
    rng = np.random.default_rng(0)

    drawn = [draw_findings(rng)[0] for _ in range(600)]

    assert set(Counter(f.code for f in drawn)) == set(SHARES)
    severity = np.array([f.severity for f in drawn])
    assert (severity < 0.3).mean() > 0.1
    assert (severity > 0.7).mean() > 0.2
