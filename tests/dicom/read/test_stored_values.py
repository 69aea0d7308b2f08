"""Pixel Data to stored values, where what stands around the pixels is wrong."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import (
    JPEG2000LosslessEncoder,
    JPEGLSLosslessEncoder,
    RLELosslessEncoder,
)
from pydicom.uid import ExplicitVRBigEndian, JPEGBaseline8Bit, JPEGLosslessSV1

from cxrmlops.dicom.read.source import LIMITS
from cxrmlops.dicom.read.stored_values import decode, pixel_format
from cxrmlops.system.errors import Rejected
from tests.dicom.read.test_gdcm_jpeg import FRAME as LOSSLESS
from tests.dicom.read.test_gdcm_jpeg import VALUES as LOSSLESS_VALUES
from tests.make import make_cxr

DOWN, ACROSS = np.mgrid[:48, :40] / 40
IMAGE = (7000 + 6500 * np.sin(3 * DOWN) * np.cos(5 * ACROSS)).astype(
    np.uint16
)  # 14 bits
ENCODERS = [JPEG2000LosslessEncoder, JPEGLSLosslessEncoder, RLELosslessEncoder]

PLUGIN = {  # gdcm's run-length encoder aborts
    JPEG2000LosslessEncoder.UID: "pylibjpeg",
    JPEGLSLosslessEncoder.UID: "pyjpegls",
    RLELosslessEncoder.UID: "pydicom",
}


def compressed(encoder, values: np.ndarray, *, bits: int) -> bytes:
    """Encode as a stream of `bits`."""
    frame = encoder.encode(
        values,
        encoding_plugin=PLUGIN[encoder.UID],
        rows=values.shape[0],
        columns=values.shape[1],
        number_of_frames=1,
        samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2",
        bits_allocated=8 * values.itemsize,
        bits_stored=bits,
        pixel_representation=int(values.dtype.kind == "i"),
    )
    return bytes(frame)


def image_of(frame: bytes, syntax: str, shape=IMAGE.shape, **said: object) -> Dataset:
    image = make_cxr(np.zeros(shape), bits=14)
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encapsulate([frame])
    image["PixelData"].is_undefined_length = True
    for keyword, value in said.items():
        setattr(image, keyword, value)
    return image


def values_of(image: Dataset) -> np.ndarray:
    return decode(image, pixel_format(image, LIMITS)).values


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("said", [10, 12, 14, 16])
def test_a_stream_knows_its_bits_better_than_the_header(encoder, said):
    image = image_of(
        compressed(encoder, IMAGE, bits=14),
        encoder.UID,
        BitsStored=said,
        HighBit=said - 1,
    )

    found = decode(image, pixel_format(image, LIMITS))

    np.testing.assert_array_equal(found.values, IMAGE)
    assert found.bits == max(said, 14)
    assert bool(found.notes) == (said < 14)


def test_a_signed_image_begins_at_half_its_range_below_zero_and_another_at_zero():
    signed = make_cxr(IMAGE, bits=14)
    signed.PixelRepresentation = 1
    signed.PixelData = (IMAGE.astype("<i2") - 8192).tobytes()
    plain = make_cxr(IMAGE, bits=14)

    first, second = (decode(one, pixel_format(one, LIMITS)) for one in (signed, plain))

    assert (first.lowest, second.lowest) == (-8192, 0)


@pytest.mark.parametrize("encoder", ENCODERS[:2])
def test_a_signed_stream_of_fewer_bits_keeps_its_signs(encoder):
    values = IMAGE.astype(np.int16) - 8192
    image = image_of(compressed(encoder, values, bits=14), encoder.UID)
    image.PixelRepresentation = 1

    np.testing.assert_array_equal(values_of(image), values)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    "table", [b"", b"\0\0\0\0", b"\x08\0\0\0", b"\x40\xe2\x01\0", b"\0" * 8, b"junk!!"]
)
def test_of_one_frame_the_offset_table_says_nothing(encoder, table):
    frame = compressed(encoder, IMAGE, bits=14)
    image = image_of(frame, encoder.UID)
    first = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table)) + table
    image.PixelData = first + image.PixelData[12:]
    image["PixelData"].is_undefined_length = True
    image.ExtendedOffsetTable = b"\x08" + b"\0" * 7
    image.ExtendedOffsetTableLengths = b"\x01" + b"\0" * 7

    np.testing.assert_array_equal(values_of(image), IMAGE)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_frame_in_several_fragments_is_one(encoder):
    frame = compressed(encoder, IMAGE, bits=14)
    image = image_of(frame, encoder.UID)
    image.PixelData = encapsulate([frame], fragments_per_frame=3)
    image["PixelData"].is_undefined_length = True

    np.testing.assert_array_equal(values_of(image), IMAGE)


def test_a_jpeg_of_8_bits_is_read_in_words_of_16():
    file = io.BytesIO()
    Image.fromarray((IMAGE >> 6).astype(np.uint8)).save(file, "JPEG", quality=95)
    wanted = np.asarray(Image.open(file))

    image = image_of(file.getvalue(), JPEGBaseline8Bit, BitsStored=8, HighBit=7)

    np.testing.assert_array_equal(values_of(image), wanted)


@pytest.mark.parametrize("planar", [None, 0, 1])
def test_colour_without_planar_configuration_is_by_pixel(planar):
    grey = (IMAGE >> 6).astype(np.uint8)
    colours = np.stack([grey, grey, grey], axis=2 if planar != 1 else 0)
    image = make_cxr(grey)
    image.SamplesPerPixel, image.PhotometricInterpretation = 3, "RGB"
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelData = colours.tobytes()
    if planar is not None:
        image.PlanarConfiguration = planar

    np.testing.assert_array_equal(values_of(image), np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize("name", ["monochrome2", "Monochrome1 "])
def test_a_photometric_interpretation_may_be_in_lower_case(name):
    image = make_cxr(IMAGE, photometric=name, bits=14)

    np.testing.assert_array_equal(values_of(image), IMAGE)


@pytest.mark.parametrize("frames", [0, -1])
def test_an_image_of_no_frames_is_refused(frames):
    image = make_cxr(IMAGE, bits=14)
    image.NumberOfFrames = frames

    with pytest.raises(Rejected, match="NumberOfFrames is below 1") as refused:
        values_of(image)

    assert refused.value.reason == "undecodable"


@pytest.mark.parametrize("vr", ["OW", "OB"])
def test_bytes_in_big_endian_are_swapped_as_words_only(vr):
    grey = (IMAGE >> 6).astype(np.uint8)
    image = make_cxr(grey, bits=8)
    image.BitsAllocated = 8
    image.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    raw = grey.reshape(-1, 2)[:, ::-1] if vr == "OW" else grey
    image.add_new("PixelData", vr, raw.tobytes())

    np.testing.assert_array_equal(values_of(image), grey)


@pytest.mark.parametrize(
    ("samples", "photometric"),
    [
        (2, "MONOCHROME2"),
        (4, "RGB"),
        (0, "MONOCHROME2"),
        (1, "RGB"),
        (3, "MONOCHROME2"),
    ],
)
def test_only_one_grey_sample_or_three_of_colour_are_read(samples, photometric):
    image = make_cxr(IMAGE)
    image.SamplesPerPixel, image.PhotometricInterpretation = samples, photometric

    with pytest.raises(Rejected) as caught:
        pixel_format(image, LIMITS)

    assert caught.value.reason == "not_grayscale"


@pytest.mark.parametrize(("bits", "is_refused"), [(16, False), (12, True)])
def test_signed_values_of_fewer_bits_than_announced_have_no_known_sign(
    bits, is_refused
):
    frame = LOSSLESS.replace(b"\xff\xc3\x00\x0b\x10", b"\xff\xc3\x00\x0b%c" % bits)
    image = make_cxr(LOSSLESS_VALUES)
    image.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    image.PixelData = encapsulate([frame])
    image["PixelData"].is_undefined_length = True
    image.PixelRepresentation, image.BitsStored, image.HighBit = 1, 16, 15
    form = pixel_format(image, LIMITS)

    if is_refused:
        with pytest.raises(Rejected, match="unknown sign: 12 bits in the codestream"):
            decode(image, form)
    else:
        np.testing.assert_array_equal(decode(image, form).values, LOSSLESS_VALUES)
