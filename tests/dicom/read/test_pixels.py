"""A film's pixels as a reader sees them."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from cxrmlops.data.preprocess import network_square
from cxrmlops.dicom.read.pixels import (
    GREY_TOLERANCE,
    PIXEL_POLICY,
    colour_tolerance,
    display_picture,
)
from cxrmlops.dicom.read.source import Limits
from cxrmlops.system.errors import Rejected
from tests.make import make_chest_image, make_cxr, read_any_image, save_image

WIDE = (2048, 4096)  # a window that clips nothing of 12 bits


def coloured(values: np.ndarray, **attributes: object) -> Dataset:
    image = make_cxr(values[..., 0])
    image.SamplesPerPixel, image.PlanarConfiguration = 3, 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PhotometricInterpretation = "RGB"
    image.PixelData = values.astype("u1").tobytes()
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    return image


def refused(image: Dataset, **limits: int) -> str:
    with pytest.raises(Rejected) as caught:
        display_picture(image, limits=Limits(**limits))
    return caught.value.reason


stored_12_bit = arrays.arrays(
    np.uint16, (9, 7), elements=st.integers(0, 4095), fill=st.nothing()
)


@settings(deadline=None, max_examples=50)
@given(stored_12_bit, st.integers(1, 4095), st.integers(2, 4096))
def test_an_image_and_its_negative_look_the_same(values, centre, width):
    mirrored = 4096 - centre  # LINEAR windows are not symmetric about their centre

    plain = make_cxr(values, window=(centre, width))
    image = make_cxr(4095 - values, photometric="MONOCHROME1", window=(mirrored, width))

    if not _has_contrast(values):
        return
    one, other = display_picture(plain).image, display_picture(image).image
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_array_equal(
        network_square(one, size=32)[0], network_square(other, size=32)[0]
    )


@settings(deadline=None, max_examples=30)
@given(stored_12_bit)
def test_a_negative_without_window_looks_the_same_too(values):
    if not _has_contrast(values):
        return

    plain = display_picture(make_cxr(values)).image
    image = make_cxr(4095 - values, photometric="MONOCHROME1")

    np.testing.assert_allclose(plain, display_picture(image).image, atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(stored_12_bit, st.booleans(), st.integers(8, 12))
def test_a_picture_lies_between_black_and_white(values, negative, bits):
    kind = "MONOCHROME1" if negative else "MONOCHROME2"
    dataset = make_cxr(values >> (12 - bits), photometric=kind, bits=bits, window=WIDE)

    image = display_picture(dataset).image

    assert image.dtype == np.float32
    assert image.shape == values.shape
    assert image.min() >= 0
    assert image.max() <= 1


def test_brightness_is_kept_not_stretched_to_what_one_image_holds():
    dim = display_picture(make_cxr(np.array([[1000, 1100]]), window=WIDE)).image

    np.testing.assert_allclose(dim, [[1000 / 4095, 1100 / 4095]], atol=1e-3)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_every_encoding_of_an_image_gives_the_same_picture(tmp_path, syntax):
    values = np.random.default_rng(0).integers(0, 4096, (20, 30))
    plain = display_picture(make_cxr(values, window=WIDE))

    image = make_chest_image(Rows=20, Columns=30)
    image.WindowCenter, image.WindowWidth = WIDE
    big = syntax == ExplicitVRBigEndian
    image.PixelData = values.astype(">u2" if big else "<u2").tobytes()
    image.file_meta.TransferSyntaxUID = syntax
    found = display_picture(save_image(image, tmp_path / "film"))

    assert found.pixel_hash == plain.pixel_hash
    np.testing.assert_array_equal(found.image, plain.image)


def test_signed_images_start_below_zero():
    values = np.array([[-2048, -1], [0, 2047]])
    dataset = make_cxr(values, window=(0, 4096))
    dataset.PixelRepresentation = 1
    dataset.PixelData = values.astype("<i2").tobytes()

    image = display_picture(dataset).image

    shifted = make_cxr(values + 2048, window=WIDE)
    np.testing.assert_allclose(image, display_picture(shifted).image, atol=1e-6)


def test_signed_values_with_unused_high_bits_are_sign_extended():
    values = np.array([[-2048, -1], [0, 2047]])
    image = make_cxr(values, window=(0, 4096))
    image.PixelRepresentation = 1
    wanted = display_picture(image).pixel_hash
    image.PixelData = (values.astype("<i2").view("<u2") & 0x0FFF).tobytes()

    assert display_picture(image).pixel_hash == wanted


def test_overlay_bits_above_the_stored_ones_are_not_pixels():
    values = np.arange(32).reshape(4, 8) * 100
    image = make_cxr(values, window=WIDE)
    wanted = display_picture(image)
    image.PixelData = (values | 0xA000).astype("<u2").tobytes()

    found = display_picture(image)

    assert found.pixel_hash == wanted.pixel_hash
    np.testing.assert_array_equal(found.image, wanted.image)


def test_values_may_sit_in_the_high_bits():
    values = np.arange(32).reshape(4, 8) * 100
    wanted = display_picture(make_cxr(values, window=WIDE))
    image = make_cxr(values << 4, window=WIDE)
    image.HighBit = 15

    assert display_picture(image).pixel_hash == wanted.pixel_hash


def test_a_grey_image_stored_as_colour_is_grey_at_full_scale():
    values = np.arange(60, dtype=np.uint8).reshape(6, 10) * 4
    image = coloured(np.stack([values] * 3, axis=-1), WindowCenter=10, WindowWidth=5)

    picture = display_picture(image)

    assert picture.voi == "full_scale"
    np.testing.assert_allclose(picture.image, values / 255, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("channel", range(3))
def test_one_channel_that_differs_is_colour_enough(channel, sign):
    values = np.full((9, 7, 3), 100)
    values[4, 4, channel] += sign * (GREY_TOLERANCE + 1)

    assert refused(coloured(values)) == "not_grayscale"


def test_a_picture_in_colour_is_refused():
    values = np.zeros((6, 10, 3), np.uint8)
    values[2, 3] = [200, 10, 10]

    assert refused(coloured(values)) == "not_grayscale"


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({"PixelAspectRatio": [2, 1]}, (12, 10)),
        ({"PixelAspectRatio": [1, 2]}, (6, 20)),
        ({"ImagerPixelSpacing": [0.4, 0.2]}, (12, 10)),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, (6, 10)),
        ({"ImagerPixelSpacing": [0.2, 0.2005]}, (6, 10)),
        ({"PixelSpacing": [0.0, 0.0]}, (6, 10)),
        ({"PixelAspectRatio": 1}, (6, 10)),
    ],
)
def test_pixels_of_the_picture_are_square(attributes, shape):
    dataset = make_cxr(np.arange(60).reshape(6, 10) * 60, window=WIDE)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)

    image = display_picture(dataset).image

    assert image.shape == shape
    assert 0 <= image.min() <= image.max() <= 1


def test_absurd_pixel_shapes_are_refused():
    image = make_cxr(np.arange(60).reshape(6, 10), window=WIDE)
    image.PixelAspectRatio = [1, 100000]

    assert refused(image) == "undecodable"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PixelData": None}, "not_an_image"),
        ({"Rows": 0}, "not_an_image"),
        ({"Rows": None}, "not_an_image"),
        ({"Rows": 5}, "undecodable"),  # one row short
        ({"Rows": 65535, "Columns": 65535}, "too_large"),
        ({"Columns": 4}, "undecodable"),  # half of the pixels
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"BitsAllocated": 0}, "undecodable"),
        ({"BitsAllocated": 12}, "undecodable"),
        ({"BitsAllocated": 32}, "undecodable"),
        ({"BitsStored": 0}, "undecodable"),
        ({"BitsStored": 17}, "undecodable"),
        ({"HighBit": 3}, "undecodable"),
        ({"PixelRepresentation": 7}, "undecodable"),
        ({"PhotometricInterpretation": "MONOCHROME7"}, "not_grayscale"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "not_grayscale"),
        ({"PhotometricInterpretation": "RGB"}, "not_grayscale"),
        ({"SamplesPerPixel": 2}, "not_grayscale"),
        ({"RescaleSlope": 0}, "blank"),
    ],
)
def test_pixels_that_cannot_be_right_are_refused(attributes, reason):
    image = make_cxr(window=WIDE)
    for keyword, value in attributes.items():
        if value is None:
            delattr(image, keyword)
        else:
            setattr(image, keyword, value)

    assert refused(image) == reason


def test_the_limit_on_pixels_is_the_callers():
    image = make_cxr(np.arange(60).reshape(6, 10), window=WIDE)

    display_picture(image, limits=Limits(max_pixels=60))
    assert refused(image, max_pixels=59) == "too_large"


@pytest.mark.parametrize("syntax", ["1.2.3.4", "", JPEGBaseline8Bit])
def test_an_unknown_or_wrong_transfer_syntax_is_undecodable(syntax):
    image = make_cxr(window=WIDE)
    image.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEGBaseline8Bit:
        image.PixelData = encapsulate([b"no JPEG at all"])

    assert refused(image) == "undecodable"


def test_the_same_pixels_have_the_same_hash_in_another_shape_another():
    values = np.arange(60)
    tall, wide = values.reshape(10, 6), values.reshape(6, 10)

    hashes = [
        display_picture(make_cxr(shape, window=window)).pixel_hash
        for shape in (tall, wide)
        for window in (WIDE, (30, 10))
    ]

    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    assert hashes[0] != hashes[2]


def test_a_change_of_the_pixel_policy_is_a_decision():
    # Who changes the pixels raises the version: bundles made before are then refused.
    assert PIXEL_POLICY["version"] == 2
    assert PIXEL_POLICY["order"] == "modality, voi, inversion, turn"


def _has_contrast(values: np.ndarray) -> bool:
    return len(np.unique(values)) > 2


def test_what_was_corrected_or_assumed_is_said(tmp_path):
    image = make_chest_image()
    image.PatientOrientation = ["R", "F"]
    image.PixelSpacing = [0.0, 0.2]

    assert read_any_image(save_image(image, tmp_path / "film")).notes[-2:] == (
        "PixelSpacing holds no two sizes and is left out",
        "turned upright as PatientOrientation says",
    )
    assert display_picture(make_cxr(window=WIDE)).notes == ()


@pytest.mark.parametrize("aspect", [1, 2])
@pytest.mark.parametrize(
    ("orientation", "laid_down"),
    [
        (["R", "F"], lambda stored: stored[:, ::-1]),
        (["L", "H"], lambda stored: stored[::-1]),
        (["F", "L"], lambda stored: stored.T),
        (["H", "R"], lambda stored: stored.T[::-1, ::-1]),
    ],
)
def test_an_image_laid_down_another_way_looks_the_same(orientation, laid_down, aspect):
    values = np.random.default_rng(0).integers(0, 4096, (6, 10))
    upright = make_cxr(values, window=WIDE)
    upright.PixelAspectRatio = [aspect, 1]  # height of a pixel, its width
    image = make_cxr(laid_down(values), window=WIDE)
    lying = image.Rows != upright.Rows
    image.PixelAspectRatio = [1, aspect] if lying else [aspect, 1]
    image.PatientOrientation = orientation

    found, wanted = display_picture(image).image, display_picture(upright).image

    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("keyword", "vr"),
    [
        *(("RescaleSlope", "DS"), ("RescaleIntercept", "DS"), ("WindowCenter", "DS")),
        *(("WindowWidth", "DS"), ("ImagerPixelSpacing", "DS"), ("HighBit", "US")),
        *(("PixelPaddingValue", "US"), ("PixelRepresentation", "US")),
        *(
            ("BitsStored", "US"),
            ("NumberOfFrames", "IS"),
            ("PlanarConfiguration", "US"),
        ),
    ],
)
def test_a_number_that_does_not_convert_is_no_default(tmp_path, keyword, vr):
    image = make_chest_image()
    setattr(image, keyword, 1)
    content = save_image(image, tmp_path / "film").read_bytes()
    tag = Tag(keyword)
    start = struct.pack("<2H", tag.group, tag.element) + vr.encode()
    at = content.index(start)
    length = int.from_bytes(content[at + 6 : at + 8], "little")
    odd = b"abc" if vr == "US" else b"no number!"  # three bytes hold no word
    value = struct.pack("<H", len(odd)) + odd
    path = tmp_path / "odd"
    path.write_bytes(content[: at + 6] + value + content[at + 8 + length :])

    with pytest.raises(Rejected, match=f"{keyword} holds no number") as refused:
        read_any_image(path)

    assert refused.value.reason == "undecodable"


def test_decimal_commas_are_read_as_points_and_that_is_said(tmp_path):
    image = make_chest_image(WindowCenter="2048.5", WindowWidth="4000.0")
    image.ImagerPixelSpacing = ["0.200", "0.400"]
    path = save_image(image, tmp_path / "film")
    wanted = read_any_image(path)
    content = path.read_bytes()
    for point in (b"2048.5", b"4000.0", b"0.200\\0.400"):
        assert point in content
        content = content.replace(point, point.replace(b".", b","))
    path.write_bytes(content)

    found = read_any_image(path)

    np.testing.assert_array_equal(found.image, wanted.image)
    assert found.image.shape == (4, 16)
    assert found.notes == (*wanted.notes, "decimal commas are read as points")


@pytest.mark.parametrize(("bits", "tolerance"), [(1, 1), (8, 1), (12, 16), (16, 256)])
def test_channels_may_differ_by_the_same_share_of_the_range(bits, tolerance):
    assert colour_tolerance(bits) == tolerance * GREY_TOLERANCE


@pytest.mark.parametrize("sides", [[4, 1], [1, 4]])
def test_pixels_up_to_four_times_as_long_as_wide_are_made_square(sides):
    image = make_cxr(np.arange(60).reshape(6, 10) * 60, window=WIDE)
    image.PixelAspectRatio = sides
    rows, columns = 6 * sides[0], 10 * sides[1]

    assert display_picture(image).image.shape == (rows, columns)
    image.PixelAspectRatio = [10 * side + (side == 4) for side in sides]
    assert refused(image) == "undecodable"
