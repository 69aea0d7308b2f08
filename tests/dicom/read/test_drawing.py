"""Whether a picture was drawn or written."""

import numpy as np

from cxrmlops.dicom.read.drawing import is_smooth, is_two_greys
from cxrmlops.dicom.read.plausibility import thumbnail
from tests.make import make_thorax


def test_an_image_is_neither_smooth_nor_of_two_greys():
    assert not is_smooth(thumbnail(make_thorax()))
    assert not is_two_greys(make_thorax())


def test_ramps_and_soft_spots_are_smooth():
    down, across = np.mgrid[0:1:300j, 0:1:240j].astype(np.float32)
    spot = np.exp(-((down - 0.5) ** 2 + (across - 0.5) ** 2) / 0.1)

    for drawn in (across, down, (across + 2 * down) / 3, spot):
        assert is_smooth(thumbnail(drawn.astype(np.float32)))


def test_a_checkerboard_has_two_greys():
    down, across = np.mgrid[0:300, 0:240]

    assert is_two_greys(((down // 24 + across // 24) % 2 * 0.75).astype(np.float32))
