"""JPEG Lossless, and JPEG of 12 bits."""

import struct

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLosslessSV1

from cxrmlops.dicom.read.gdcm_jpeg import decode_jpeg, is_ours
from cxrmlops.dicom.read.headers import read_whole
from cxrmlops.dicom.read.pixels import display_picture
from cxrmlops.system.errors import Rejected
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


def test_a_compressed_image_looks_like_the_plain_one():
    plain = make_cxr(VALUES, window=(2048, 4096))
    image = make_cxr(VALUES, window=(2048, 4096))
    image.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    image.PixelData = encapsulate([FRAME])
    image["PixelData"].is_undefined_length = True

    one, other = display_picture(plain), display_picture(image)

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


def extended(values: np.ndarray) -> bytes:
    """Encode blocks of one value each: sequential DCT of 12 bits (T.81 F.1).

    With all quantisers 1 the DC coefficient is 8 x (value - 2048): nothing is lost.
    """
    rows, columns = (8 * side for side in values.shape)
    steps = np.diff(8 * (values.ravel().astype(int) - 2048), prepend=0)
    bits = ""
    for step in steps.tolist():
        size = abs(step).bit_length()
        bits += f"{size:05b}"  # its category: codes of five bits, in order
        bits += (
            f"{step if step > 0 else step + (1 << size) - 1:0{size}b}" if size else ""
        )
        bits += "0"  # end of block
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return (
        b"\xff\xd8"
        + b"\xff\xdb" + struct.pack(">HB", 67, 0) + b"\x01" * 64
        + b"\xff\xc1" + struct.pack(">HBHHB3B", 11, 12, rows, columns, 1, 1, 0x11, 0)
        + b"\xff\xc4" + struct.pack(">HB16B", 35, 0, 0, 0, 0, 0, 16, *[0] * 11)
        + bytes(range(16))
        + b"\xff\xc4" + struct.pack(">HB16B", 20, 0x10, 1, *[0] * 15) + b"\x00"
        + b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0, 0, 63, 0)
        + packed + b"\xff\xd9"
    )  # fmt: skip


def test_an_image_in_jpeg_of_12_bits_is_read():
    blocks = np.array([[0, 1, 2047, 2048], [4095, 3000, 17, 4095], [5, 5, 900, 0]])
    values = blocks.repeat(8, axis=0).repeat(8, axis=1)
    image = make_cxr(values, window=(2048, 4096))
    wanted = display_picture(image)
    image.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    image.PixelData = encapsulate([extended(blocks)])
    image["PixelData"].is_undefined_length = True

    found = display_picture(image)

    assert found.pixel_hash == wanted.pixel_hash
    np.testing.assert_array_equal(found.image, wanted.image)


def test_a_frame_of_12_bits_that_claims_16_is_the_image_it_was_made_of(cases):
    # another encoding of the same film; lossy, by at most 15 of 4,095
    lossy = display_picture(read_whole(cases / "twin_jpeg_extended_12bit.dcm"))
    exact = display_picture(read_whole(cases / "base/rle.dcm"))

    assert np.abs(lossy.image - exact.image).max() < 15 / 4095


def test_a_sequential_frame_of_8_bits_is_for_another_decoder():
    assert not is_ours(JPEGBaseline8Bit, 8)
    assert not is_ours(JPEGExtended12Bit, 8)
    assert is_ours(JPEGExtended12Bit, 12)
    assert is_ours(JPEGLosslessSV1, 8)
