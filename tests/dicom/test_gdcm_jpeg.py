"""JPEG Lossless, and JPEG of 12 bits."""

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1

from cxrmlops.dicom.gdcm_jpeg import decode_jpeg
from cxrmlops.dicom.pixels import display_picture
from cxrmlops.errors import Rejected
from tests.make import make_cxr

# 12 x 10 pixels of 12 bits: 300 more per row, 37 more per column (no encoder here)
FRAME = bytes.fromhex(
    "ffd8ffc3000b10000c000a01011100ffc400160001010100000000000000000000000000060910ff"
    "da0008010100010000c952a54a952a54a9696254a952a54a952a5a58952a54a952a54a9696254a95"
    "2a54a952a5a58952a54a952a54a9696254a952a54a952a5a58952a54a952a54a9696254a952a54a9"
    "52a5a58952a54a952a54a9696254a952a54a952a5a58952a54a952a54a9696254a952a54a952a5ff"
    "d900"
)
VALUES = np.arange(12)[:, None] * 300 + np.arange(10)[None] * 37
FORMAT = {"syntax": JPEGLosslessSV1, "samples": 1, "precision": 12}


def test_a_frame_decodes_to_its_pixels():
    values = decode_jpeg(FRAME, rows=12, columns=10, **FORMAT)

    np.testing.assert_array_equal(values, VALUES)


def test_decoding_again_and_again_is_safe():
    for _ in range(200):
        decode_jpeg(FRAME, rows=12, columns=10, **FORMAT)


def test_a_compressed_film_looks_like_the_plain_one():
    plain = make_cxr(VALUES, window=(2048, 4096))
    film = make_cxr(VALUES, window=(2048, 4096))
    film.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    film.PixelData = encapsulate([FRAME])
    film["PixelData"].is_undefined_length = True

    one, other = display_picture(plain), display_picture(film)

    assert one.pixel_hash == other.pixel_hash
    np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize("kept", [0, 20, 60])
def test_a_damaged_frame_is_undecodable(kept):
    with pytest.raises(Rejected) as refused:
        decode_jpeg(FRAME[:kept], rows=12, columns=10, **FORMAT)

    assert refused.value.reason == "undecodable"


def test_a_frame_of_another_size_is_undecodable():
    with pytest.raises(Rejected) as refused:
        decode_jpeg(FRAME, rows=40, columns=40, **FORMAT)

    assert refused.value.reason == "undecodable"
