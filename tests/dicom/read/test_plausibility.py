"""Whether a picture can be a chest film at all."""

import numpy as np
import pytest

from cxrmlops.dicom.read import plausibility
from cxrmlops.dicom.read.plausibility import (
    is_blank,
    is_negative,
    is_noise,
    likeness_to_thorax,
    thinned,
    thumbnail,
)
from tests.make import make_thorax


def test_an_image_and_its_negative_are_unlike_by_the_same_amount():
    small = thumbnail(make_thorax())

    assert likeness_to_thorax(small) > 0.5
    assert likeness_to_thorax(1 - small) == pytest.approx(-likeness_to_thorax(small))


def test_a_thinned_image_keeps_as_many_rows_and_columns_as_are_asked_for():
    image = np.arange(1023 * 2048).reshape(1023, 2048)

    seen = thinned(image, samples=512)

    assert seen.shape == (1023, 512)  # half of its rows would be too few
    assert np.array_equal(seen, image[:, ::4])


@pytest.mark.parametrize("frame", [0.0, 1.0])
def test_a_frame_around_the_image_does_not_matter(frame):
    thorax = make_thorax(rows=300, columns=280)
    framed = np.full((400, 340), frame, np.float32)
    framed[40:340, 20:300] = thorax

    for image, negative in ((framed, False), (1 - framed, True)):
        assert is_negative(thumbnail(image)) is negative


def test_the_drawing_has_a_bright_spine_and_abdomen_and_dark_lungs():
    """Drawn here pixel by pixel: 32 x 32, places in shares of the side."""
    kinds = np.zeros((32, 32))
    for row, column in np.ndindex(32, 32):
        down, across = (row + 0.5) / 32, (column + 0.5) / 32
        out = abs(2 * across - 1)
        if out < 0.16 and down > 0.1:
            kinds[row, column] = 1  # spine
        elif np.hypot((out - 0.45) / 0.27, (down - 0.38) / 0.33) < 1:
            kinds[row, column] = -1  # lung
        elif down > 0.8 and out < 0.75:
            kinds[row, column] = 1  # abdomen

    drawing = plausibility._thorax()

    np.testing.assert_array_equal(np.sign(drawing), kinds)
    assert drawing[drawing < 0].sum() == pytest.approx(-1)
    assert drawing[kinds == 1].max() == pytest.approx(1 / (kinds == 1).sum())


def test_likeness_is_a_correlation_over_what_the_drawing_speaks_of():
    small = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    means = small.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    drawing = plausibility._thorax()
    spoken = [at for at in np.ndindex(32, 32) if drawing[at]]
    seen = np.array([[means[at], drawing[at]] for at in spoken])

    told = likeness_to_thorax(small)

    assert told == pytest.approx(np.corrcoef(seen.T)[0, 1], abs=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_stripes_are_not_blank_whichever_way_they_run(turned):
    stripes = np.tile(np.float32([0.2, 0.8]), (64, 32))

    assert not is_blank(stripes.T if turned else stripes)


def test_a_bright_line_on_nothing_is_blank():
    small = np.zeros((64, 64), np.float32)
    small[30:33] = 1

    assert is_blank(small)


def test_one_white_lung_is_no_negative():
    image = make_thorax()
    image[:, 130:] = np.maximum(image[:, 130:], 0.8)

    assert not is_negative(thumbnail(image))


def test_exposure_does_not_decide():
    for gain, offset in ((0.2, 0.0), (0.2, 0.8), (1.0, 0.0)):
        small = thumbnail(make_thorax() * np.float32(gain) + np.float32(offset))

        assert not is_negative(small)
        assert not is_blank(small)
        assert not is_noise(small)


def test_pixels_that_know_nothing_of_their_neighbours_are_noise():
    noise = np.random.default_rng(0).random((512, 512), dtype=np.float32)

    assert is_noise(thumbnail(noise))


def test_a_noisy_image_is_no_noise():
    image = make_thorax(rows=512, columns=512)
    noise = np.random.default_rng(0).normal(0, 0.2, image.shape).astype(np.float32)

    assert not is_noise(thumbnail(np.clip(image + noise, 0, 1)))
