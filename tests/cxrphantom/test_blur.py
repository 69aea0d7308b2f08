import numpy as np
import pytest

from cxrphantom.blur import blur, clouds, enlarge


@pytest.mark.parametrize("sigma", [0.5, 2.0, 12.0])
def test_an_even_image_stays_even(sigma):
    image = np.full((61, 47), 0.3, np.float32)

    np.testing.assert_allclose(blur(image, sigma), 0.3, atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 8.0])
def test_a_blurred_point_has_the_asked_width(sigma):
    image = np.zeros((129, 129), np.float32)
    image[64, 64] = 1

    spread = blur(image, sigma)

    at = np.arange(129) - 64
    found = np.sqrt((spread.sum(axis=0) * at**2).sum() / spread.sum())
    assert found == pytest.approx(sigma, rel=0.15)


def test_enlarging_keeps_the_mean():
    coarse = np.random.default_rng(0).random((8, 8)).astype(np.float32)

    assert enlarge(coarse, (80, 80)).mean() == pytest.approx(coarse.mean(), abs=0.03)


def test_clouds_are_drawn_from_the_generator_alone():
    first = clouds(np.random.default_rng(3), (40, 50), coarsest=3, octaves=3)
    again = clouds(np.random.default_rng(3), (40, 50), coarsest=3, octaves=3)

    np.testing.assert_array_equal(first, again)
    assert first.shape == (40, 50)
