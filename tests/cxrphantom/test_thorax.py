import numpy as np
import pytest

from cxrphantom.exposure import attenuation
from cxrphantom.rays import FRONTAL, LATERAL, Geometry
from cxrphantom.thorax import build_thorax, draw_traits

SIDE = 128


def image(seed: int, *, axis: int = FRONTAL, breath: float = 0.9) -> np.ndarray:
    """Take the attenuation of patient `seed`."""
    rng = np.random.default_rng(seed)
    traits = draw_traits(rng, sex="F" if seed % 2 else "M", age=30 + 5 * seed)
    detector, source = (-120.0, 1680.0) if axis == FRONTAL else (200.0, -1600.0)
    geometry = Geometry(axis, source, detector, SIDE, SIDE, 410 / SIDE)
    return attenuation(traits, (), geometry, rng, breath=breath, bedside=False).exponent


@pytest.mark.parametrize("seed", range(6))
def test_lungs_let_more_through_than_heart_and_abdomen(seed):
    exponent = image(seed)

    right_lung = exponent[50:60, 36:44].mean()
    heart = exponent[64:70, 64:74].mean()
    abdomen = exponent[110:, 50:80].mean()
    assert right_lung + 0.8 < heart
    assert right_lung + 0.8 < abdomen


@pytest.mark.parametrize("seed", range(4))
def test_the_heart_lies_on_the_patients_left(seed):
    exponent = image(seed)[62:76]

    assert exponent[:, 68:88].mean() > exponent[:, 40:60].mean() + 0.2


def test_a_deeper_breath_shows_more_lung():
    shallow, deep = image(2, breath=0.65), image(2, breath=1.0)

    assert deep.mean() < shallow.mean()


def test_attenuation_is_finite_and_never_negative():
    for axis in (FRONTAL, LATERAL):
        exponent = image(3, axis=axis)

        assert np.isfinite(exponent).all()
        assert exponent.min() >= 0


def test_no_two_patients_are_alike():
    rng = np.random.default_rng(0)

    bodies = [draw_traits(rng, sex="M", age=50) for _ in range(50)]

    assert len({round(body.breadth, 3) for body in bodies}) == 50


def test_lung_coordinates_span_the_lung():
    traits = draw_traits(np.random.default_rng(0), sex="M", age=50)
    thorax = build_thorax(traits, breath=0.9)

    top = thorax.place(1, np.array([[0.0, 0.0, 1.0]]))[0]
    wall, hilum = thorax.place(1, np.array([[1.0, 0, 0.5], [-1.0, 0, 0.5]]))[:, 0]

    assert top[2] == pytest.approx(thorax.apex)
    assert wall > hilum > 0
