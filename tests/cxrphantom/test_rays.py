import numpy as np
import pytest

from cxrphantom.rays import (
    FRONTAL,
    LATERAL,
    Ellipsoid,
    Geometry,
    Stack,
    join,
    overlap,
    splat,
    thickness,
)


def far_source(axis: int = FRONTAL, side: int = 101) -> Geometry:
    """Build a beam that is parallel for all purposes, 1 mm per pixel."""
    return Geometry(axis, 1e7, 0.0, side, side, 1.0)


@pytest.mark.parametrize(("axis", "expected"), [(FRONTAL, 40), (LATERAL, 60)])
def test_the_middle_ray_sees_the_whole_ellipsoid(axis, expected):
    shape = Ellipsoid((0, 0, 0), (30, 20, 10))

    chord = thickness(shape.shadow(far_source(axis)))

    assert chord[50, 50] == pytest.approx(expected, rel=1e-3)
    assert chord[5, 50] == 0


def test_an_ellipsoid_casts_its_volume():
    shape = Ellipsoid((4, -7, 3), (30, 20, 12), lean=0.5)

    total = thickness(shape.shadow(far_source())).sum()

    assert total == pytest.approx(4 / 3 * np.pi * 30 * 20 * 12, rel=0.01)


def test_turning_the_patient_keeps_the_volume():
    shape = Ellipsoid((0, 10, 0), (30, 15, 12))
    geometry = Geometry(FRONTAL, 1e7, 0.0, 121, 121, 1.0, yaw=0.3, roll=0.2)

    total = thickness(shape.shadow(geometry)).sum()

    assert total == pytest.approx(4 / 3 * np.pi * 30 * 15 * 12, rel=0.01)


def test_a_stack_of_equal_ellipses_is_a_cylinder():
    z = np.linspace(-40, 40, 9)
    shape = Stack(z, np.zeros((9, 2)), np.tile([30.0, 20.0], (9, 1)))

    chord = thickness(shape.shadow(far_source()))

    np.testing.assert_allclose(chord[50], chord[30], atol=1e-3)
    assert chord[50].sum() == pytest.approx(np.pi * 30 * 20, rel=0.01)


def test_things_near_the_source_look_larger():
    geometry = Geometry(FRONTAL, 1000.0, 0.0, 11, 11, 1.0)

    assert geometry.magnification(500.0) == pytest.approx(2)
    assert geometry.magnification(0.0) == pytest.approx(1)


def test_a_cloud_of_points_keeps_its_volume():
    points = np.random.default_rng(0).uniform(-20, 20, (500, 3))

    shadow = splat(points, np.full(500, 2.0), far_source())

    assert shadow.sum() == pytest.approx(1000, rel=1e-3)


def test_points_off_the_image_are_left_out():
    shadow = splat(np.array([[500.0, 0, 0]]), np.array([1.0]), far_source())

    assert shadow.sum() == 0


def test_overlap_and_union_of_two_balls():
    geometry = far_source()
    front = Ellipsoid((0, -5, 0), (10, 10, 10)).shadow(geometry)
    back = Ellipsoid((0, 5, 0), (10, 10, 10)).shadow(geometry)

    assert overlap(front, back)[50, 50] == pytest.approx(10, rel=1e-3)
    assert thickness(join(front, back))[50, 50] == pytest.approx(30, rel=1e-3)
