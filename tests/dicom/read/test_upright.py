"""Which way up a chest film lies, by its picture."""

import hashlib

import numpy as np
import pytest

from cxrmlops.dicom.read import upright
from cxrmlops.dicom.read.upright import TURNS, is_frontal, turn, uprightness
from tests.make import make_thorax

FITTED = "c00030494b3372489b7f385ccc29864905ced3e8637779ada59ace1fa5e8a100"
LAID = {
    "upside down": np.flipud,
    "turned by 90 degrees": lambda image: np.rot90(image, 3),
    "turned by 270 degrees": np.rot90,
}


def test_the_weights_are_those_that_were_fitted_and_tried_on_other_patients():
    """Each of the shares in the docstring belongs to these numbers and no others."""
    weights = np.asarray(upright._LEFT_HALF, "<i2")

    assert weights.shape == (16, 8)
    assert hashlib.sha256(weights.tobytes()).hexdigest() == FITTED
    np.testing.assert_array_equal(upright._WEIGHTS, np.fliplr(upright._WEIGHTS))


def test_an_image_that_lies_upright_is_not_turned():
    assert turn(make_thorax()) == ""
    assert is_frontal(make_thorax())


@pytest.mark.parametrize("how", list(LAID))
def test_an_image_is_called_turned_as_it_was_laid(how):
    assert turn(np.ascontiguousarray(LAID[how](make_thorax()))) == how


def test_a_negative_is_not_called_turned():
    assert turn(1 - make_thorax()) == ""


def test_likeness_is_a_correlation_in_the_order_of_the_turns():
    image = make_thorax(rows=256, columns=256)
    small = image.reshape(16, 16, 16, 16).mean(axis=(1, 3)).astype(float).ravel()
    weights = upright._WEIGHTS.ravel()

    by_hand = [
        float((small - small.mean()) @ np.ravel(laid))
        / (small.std() * np.linalg.norm(weights) * 16)
        for laid in _weights_laid(upright._WEIGHTS)
    ]

    assert len(TURNS) == 4
    np.testing.assert_allclose(uprightness(image), by_hand, atol=1e-5)


def _weights_laid(weights: np.ndarray) -> list[np.ndarray]:
    """Lay the weights the other way round, as `uprightness` lays the film."""
    return [weights, weights[::-1], np.rot90(weights, 3), np.rot90(weights)]


def test_of_real_images_none_that_lies_upright_is_called_turned(real_data):
    from PIL import Image

    from cxrmlops.dicom.read.plausibility import thumbnail, without_frame

    folder = real_data / "real_cxr/open/images"
    told = {how: 0 for how in TURNS}
    paths = sorted(folder.iterdir())[::10]
    for path in paths:
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("L"), np.float32) / 255
        assert turn(without_frame(thumbnail(image))) == ""
        for how, lay in LAID.items():
            laid = np.ascontiguousarray(lay(image))
            told[how] += turn(without_frame(thumbnail(laid))) == how

    assert min(told[how] for how in LAID) >= 0.9 * len(paths)
