"""One film -> the square the network sees, and the picture people see."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrmlops.data.preprocess import (
    image_statistics,
    network_square,
    perceptual_hash,
    preprocessing_hash,
    reading_picture,
)
from cxrmlops.dicom.read import pixels
from cxrmlops.dicom.read.source import Limits
from cxrmlops.system.errors import Rejected
from tests.make import make_chest_image, make_thorax, read_any_image, save_image

RAMP = np.arange(6400, dtype=np.uint8).reshape(80, 80)


def save_picture(path: Path, values: np.ndarray, kind: str = "PNG", **how) -> Path:
    Image.fromarray(values).save(path, kind, **how)
    return path


def refused(path: Path, **limits: int) -> str:
    with pytest.raises(Rejected) as caught:
        read_any_image(path, limits=Limits(**limits))
    return caught.value.reason


def ball(rows: int, columns: int) -> np.ndarray:
    """Draw a bright disc as wide as the shorter side on grey: what aspect does to it
    shows in its shape."""
    down, across = np.mgrid[:rows, :columns]
    radius = min(rows, columns) / 3
    away = np.hypot(down - (rows - 1) / 2, across - (columns - 1) / 2)
    return np.where(away < radius, 1, 0.2).astype(np.float32)


def test_an_8_bit_picture_is_read_at_full_scale(tmp_path):
    image = read_any_image(save_picture(tmp_path / "film.png", RAMP))

    assert (image.bits_stored, image.voi) == (8, "full_scale")
    np.testing.assert_allclose(image.image, RAMP / 255, atol=1e-6)


def test_a_16_bit_picture_is_read_at_full_scale(tmp_path):
    values = (RAMP.astype(np.uint16) * 256).astype(np.uint16)

    image = read_any_image(save_picture(tmp_path / "film.png", values))

    assert image.bits_stored == 16
    np.testing.assert_allclose(image.image, values / 65535, atol=1e-6)


def test_what_a_file_is_its_bytes_say(tmp_path):
    picture = save_picture(tmp_path / "film.dcm", RAMP)
    image = make_chest_image(WindowCenter=2048, WindowWidth=4096)
    dicom = save_image(image, tmp_path / "film.png")

    assert read_any_image(picture).voi == "full_scale"
    assert read_any_image(dicom).voi == "window"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_grey_picture_in_colour_is_grey(tmp_path, mode):
    path = tmp_path / "film.png"
    Image.fromarray(RAMP).convert(mode).save(path)

    np.testing.assert_allclose(read_any_image(path).image, RAMP / 255, atol=1e-6)


def test_a_picture_in_colour_is_refused(tmp_path):
    values = np.stack([RAMP, RAMP, 255 - RAMP], axis=-1)

    assert refused(save_picture(tmp_path / "a", values)) == "not_grayscale"
    assert refused(save_picture(tmp_path / "b", values, "JPEG")) == "not_grayscale"


def test_an_animated_picture_is_refused(tmp_path):
    path = tmp_path / "film.png"
    first, second = Image.fromarray(RAMP), Image.fromarray(255 - RAMP)
    first.save(path, save_all=True, append_images=[second])

    assert refused(path) == "multi_frame"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_half_a_picture_is_undecodable(tmp_path, kind):
    path = save_picture(tmp_path / "film", make_noise(), kind)
    path.write_bytes(path.read_bytes()[:2000])

    assert refused(path) == "undecodable"


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    path = save_picture(tmp_path / "film.png", RAMP)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)

    assert refused(path) == "too_large"


def test_limits_hold_for_pictures(tmp_path):
    path = save_picture(tmp_path / "film.png", RAMP)

    assert refused(path, max_pixels=6399) == "too_large"
    assert refused(path, max_bytes=10) == "too_large"
    assert read_any_image(path, limits=Limits(max_pixels=6400)).image.shape == (80, 80)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"x"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "film.png"
    path.write_bytes(content)

    assert refused(path) in ("unreadable", "undecodable", "not_dicom")
    assert refused(tmp_path) == "unreadable"
    assert refused(tmp_path / "absent") == "unreadable"


@settings(deadline=None, max_examples=60)
@given(st.integers(64, 300), st.integers(64, 300), st.integers(32, 128))
@example(101, 102, 111)
def test_an_image_keeps_its_shape_in_the_square(rows, columns, size):
    image = ball(rows, columns)

    square, place = network_square(image, size=size)

    assert square.shape == (size, size)
    assert square.dtype == np.uint8
    assert max(place.height, place.width) == size
    assert place.height / place.width == pytest.approx(
        rows / columns, abs=1 / min(place.height, place.width) * rows / columns
    )
    bright = np.argwhere(square > 150)
    height, width = np.ptp(bright, axis=0) + 1
    pixel = max(1.0, size / max(rows, columns))  # of the film, in the square
    assert abs(int(height) - int(width)) <= 2 * pixel + 1  # one at each edge


@settings(deadline=None, max_examples=60)
@given(st.integers(64, 300), st.integers(64, 300), st.integers(32, 128))
def test_an_image_lies_where_its_placement_says_and_nowhere_else(rows, columns, size):
    square, place = network_square(np.ones((rows, columns), np.float32), size=size)

    inside = square[
        place.top : place.top + place.height, place.left : place.left + place.width
    ]
    assert (inside == 255).all()
    assert square.sum() == inside.sum()
    assert abs(2 * place.top + place.height - size) <= 1  # centred
    assert abs(2 * place.left + place.width - size) <= 1
    assert (place.rows, place.columns, place.size) == (rows, columns, size)


def test_an_image_of_the_squares_own_size_is_only_rounded():
    image = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)

    square, _ = network_square(image, size=64)

    np.testing.assert_array_equal(square, np.round(image * 255 + 1e-4))


def test_shrinking_averages_instead_of_picking():
    stripes = np.tile(np.array([0, 1], np.float32), (512, 256))

    square, _ = network_square(stripes, size=64)

    assert square[4:-4, 4:-4].min() > 110
    assert square[4:-4, 4:-4].max() < 145


@pytest.mark.parametrize(
    ("shape", "longest", "expected"),
    [
        ((200, 100), 50, (50, 25)),
        ((100, 200), 50, (25, 50)),
        ((50, 25), 100, (100, 50)),
    ],
)
def test_the_reading_picture_keeps_aspect_and_longest_side(shape, longest, expected):
    picture = reading_picture(np.ones(shape, np.float32), longest_side=longest)

    assert picture.shape == expected
    assert picture.dtype == np.uint8
    assert (picture == 255).all()


def test_the_hash_names_size_and_pixel_policy(monkeypatch):
    first = preprocessing_hash(size=512)

    assert first == preprocessing_hash(size=512)
    assert len(first) == 64
    assert first != preprocessing_hash(size=224)
    monkeypatch.setitem(pixels.PIXEL_POLICY, "version", 99)
    assert first != preprocessing_hash(size=512)


def test_statistics_are_those_of_the_image():
    image = np.full((200, 100), 0.5, np.float32)
    image[:10], image[-10:], image[:, :5], image[:, -5:] = 0, 0, 0, 0

    found = image_statistics(image)

    assert found["border"] == 0
    assert found["p50"] == 0.5
    assert found["black"] == pytest.approx((image == 0).mean())
    assert found["white"] == 0
    assert found["mean"] == pytest.approx(image.mean(), abs=1e-6)
    assert found["std"] == pytest.approx(image.std(), abs=1e-6)


def test_the_border_is_5_percent_of_each_side():
    image = np.random.default_rng(0).random((200, 100), dtype=np.float32)
    inner = [(row, column) for row in range(10, 190) for column in range(5, 95)]
    rest = image.sum(dtype=float) - sum(float(image[place]) for place in inner)

    found = image_statistics(image)

    assert found["border"] == pytest.approx(rest / (200 * 100 - 180 * 90), abs=1e-6)


def test_the_border_of_a_tiny_image_is_one_pixel_wide():
    image = np.zeros((8, 9), np.float32)
    image[[0, -1]], image[:, [0, -1]] = 1, 1

    assert image_statistics(image)["border"] == 1


def test_percentiles_are_those_of_an_even_ramp():
    ramp = np.linspace(0, 1, 101 * 101, dtype=np.float32).reshape(101, 101)

    found = image_statistics(ramp)

    assert [found["p01"], found["p50"], found["p99"]] == pytest.approx(
        [0.01, 0.5, 0.99]
    )


@pytest.mark.parametrize("turned", [False, True])
def test_rows_and_columns_of_a_long_image_are_sampled_each_in_its_own_step(turned):
    """Stripes of two that are wide as one step of the longer side."""
    image = np.zeros((512 * 4, 512), np.float32)
    image[:, 1::2] = 1  # a step of 4 along columns would see black alone

    found = image_statistics(image.T if turned else image)

    assert found["mean"] == 0.5
    assert found["black"] == found["white"] == 0.5


def test_statistics_of_a_large_image_are_nearly_exact():
    image = np.random.default_rng(0).random((2000, 1800), dtype=np.float32)

    found = image_statistics(image)

    assert found["mean"] == pytest.approx(float(image.mean()), abs=0.005)
    assert found["p99"] == pytest.approx(0.99, abs=0.005)


def test_a_rewritten_copy_looks_alike_and_another_image_does_not():
    image = make_thorax(rows=400, columns=380)
    soft = np.random.default_rng(1).normal(0, 0.1, (20, 19)).astype(np.float32)
    texture = np.asarray(Image.fromarray(soft).resize((380, 400)))
    one, other = image + texture, image - texture[::-1]

    copies = [
        reading_picture(np.clip(one, 0, 1), longest_side=300) / np.float32(255),
        np.clip(one * 0.8 + 0.1, 0, 1),
        compressed(np.clip(one, 0, 1)),
    ]

    for copy in copies:
        assert apart(one, copy) <= 20
    assert apart(one, other) > 60


def test_the_hash_says_which_blocks_are_brighter_than_the_one_left_of_and_above_them():
    image = np.random.default_rng(0).random((272, 272), dtype=np.float32)
    blocks = image.astype(float).reshape(16, 17, 17, 16).mean(axis=(1, 3))
    across = blocks[:, 1:] > blocks[:, :-1]
    blocks = image.astype(float).reshape(17, 16, 16, 17).mean(axis=(1, 3))
    down = blocks[1:] > blocks[:-1]
    bits = [*across.ravel(), *down.ravel()]

    told = perceptual_hash(image)

    assert len(told) == 128
    assert f"{int(told, 16):0512b}" == "".join(str(int(bit)) for bit in bits)


def test_no_block_of_one_grey_is_brighter_than_its_neighbours():
    assert perceptual_hash(np.full((272, 272), 0.5, np.float32)) == "0" * 128


@pytest.mark.parametrize(
    ("width", "is_cut"), [(0.07, False), (0.08, False), (0.09, True)]
)
@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_frame_of_one_grey_is_cut_off_above_8_percent_of_the_side(
    width, is_cut, quarter_turns
):
    image = np.clip(make_thorax(rows=400, columns=400), 0.1, 0.9)
    image = image + np.random.default_rng(0).normal(0, 0.03, image.shape)
    frame = round(400 * width)
    framed = image.astype(np.float32).copy()
    framed[:frame] = 0

    framed, inner = (np.rot90(each, quarter_turns) for each in (framed, framed[frame:]))
    same = apart(framed, inner) == 0

    assert same == is_cut


def apart(one: np.ndarray, other: np.ndarray) -> int:
    first, second = perceptual_hash(one), perceptual_hash(other)
    return (int(first, 16) ^ int(second, 16)).bit_count()


def compressed(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray((image * 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file)).astype(np.float32) / 255


def make_noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (100, 100)).astype(np.uint8)


def laid_down(values: np.ndarray, orientation: int) -> np.ndarray:
    """Store a picture as EXIF Orientation says: where its row 0 and column 0 lie.

    TIFF 6.0: 1 top left, 2 top right, 3 bottom right, 4 bottom left, and with rows and
    columns exchanged 5 left top, 6 right top, 7 right bottom, 8 left bottom.
    """
    lying = [
        *(values, values[:, ::-1], values[::-1, ::-1], values[::-1]),
        *(values.T, values.T[::-1], values.T[::-1, ::-1], values.T[:, ::-1]),
    ]
    return np.ascontiguousarray(lying[orientation - 1])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_orientation_says(tmp_path, kind, orientation):
    values = np.arange(96)[:, None] + np.arange(64)[None] * 2
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"exif": exif} | ({"quality": 100} if kind == "JPEG" else {})
    stored = laid_down(values.astype(np.uint8), orientation)

    image = read_any_image(save_picture(tmp_path / "film", stored, kind, **how))

    np.testing.assert_allclose(image.image, values / 255, atol=2.5 / 255)
    assert bool(image.notes) == (orientation != 1)


@pytest.mark.parametrize("bits", [10, 12, 14, 15])
def test_a_picture_of_16_bits_that_uses_fewer_is_stretched_and_that_is_said(
    tmp_path, bits
):
    values = np.random.default_rng(0).integers(0, 1 << bits, (80, 80)).astype(np.uint16)
    values[0, 0] = (1 << bits) - 1
    low, high = np.percentile(values, [0.5, 99.5])

    image = read_any_image(save_picture(tmp_path / "film.png", values))

    assert image.voi == "percentile"
    np.testing.assert_allclose(
        image.image, np.clip((values - low) / (high - low), 0, 1), atol=1e-6
    )
    assert image.notes == (
        f"16 bits whose highest value is {(1 << bits) - 1}: contrast by percentiles",
    )


def test_a_dark_picture_of_16_bits_that_are_used_stays_dark(tmp_path):
    values = RAMP.astype(np.uint16)
    values[0, 0] = 1 << 15

    image = read_any_image(save_picture(tmp_path / "film.png", values))

    assert (image.voi, image.notes) == ("full_scale", ())
    np.testing.assert_allclose(image.image, values / 65535, atol=1e-6)


def test_an_empty_picture_of_16_bits_is_blank(tmp_path):
    assert refused(save_picture(tmp_path / "film.png", np.zeros((80, 80), "u2"))) == (
        "blank"
    )
