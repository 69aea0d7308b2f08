"""Whether a part of the picture is missing."""

import numpy as np
import pytest

from cxrmlops.dicom.read.completeness import missing_part
from tests.make import make_thorax


def test_a_whole_image_misses_nothing():
    assert missing_part(make_thorax()) == ""


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("lost", [0.3, 0.5, 0.75])
def test_a_block_at_any_side_is_missed(quarter_turns, value, lost):
    image = np.rot90(make_thorax(), quarter_turns).copy()
    image[round(len(image) * (1 - lost)) :] = value

    assert "at one side" in missing_part(image)


@pytest.mark.parametrize("period", [4, 16, 64])
def test_lost_bands_are_missed(period):
    image = make_thorax()
    image[np.arange(len(image)) % period < period // 2] = 0

    assert missing_part(image)
    assert missing_part(image.T)


def test_an_even_frame_and_a_wider_canvas_are_no_loss():
    image = make_thorax(rows=256, columns=240)

    assert missing_part(np.pad(image, 60)) == ""
    assert missing_part(np.pad(image, ((0, 0), (120, 120)))) == ""


@pytest.mark.parametrize(("lost", "is_missed"), [(60, False), (68, True)])
def test_up_to_a_quarter_more_at_one_side_than_at_the_other_is_a_collimator(
    lost, is_missed
):
    image = np.random.default_rng(0).random((256, 256), dtype=np.float32)
    image[:lost] = 0

    assert bool(missing_part(image)) is is_missed
