"""Bits of stored values that are the film, under headers that say otherwise."""

import numpy as np
import pytest

from cxrmlops.dicom.read.used_bits import Layout, used_bits
from cxrmlops.system.errors import Rejected

DOWN, ACROSS = np.mgrid[:120, :100] / 100
IMAGE = (2000 + 1900 * np.sin(3 * DOWN) * np.cos(5 * ACROSS)).astype(int)  # 12 bits
DEEP = IMAGE * 4  # 14 bits, as smooth
NOISE = np.random.default_rng(0).integers(0, 16, IMAGE.shape)
TEXT = (np.indices(IMAGE.shape).sum(axis=0) // 8 % 2) * 8  # an overlay plane


def layout(bits: int = 12, high: int | None = None, **said: object) -> Layout:
    values = {"signed": False, "padding": None, "compressed": False} | said
    return Layout(bits, bits - 1 if high is None else high, **values)


def words(values: np.ndarray) -> np.ndarray:
    return (values & 0xFFFF).astype(np.uint16)


def test_values_that_fit_stay_as_they_are():
    found = used_bits(words(IMAGE), layout())

    np.testing.assert_array_equal(found.values, IMAGE)
    assert (found.bits, found.notes) == (12, ())


@pytest.mark.parametrize("bits", [10, 11, 12, 13])
@pytest.mark.parametrize("compressed", [True, False])
def test_an_image_of_more_bits_than_announced_is_read_whole(bits, compressed):
    found = used_bits(words(DEEP), layout(bits, compressed=compressed))

    np.testing.assert_array_equal(found.values, DEEP)
    assert found.bits == 14
    assert found.notes == (
        f"values need 14 bits, the header says {bits}: read with what is stored",
    )


@pytest.mark.parametrize("junk", [NOISE, TEXT, np.full_like(IMAGE, 5)])
def test_what_is_no_image_in_the_upper_bits_is_left_out_and_that_is_said(junk):
    found = used_bits(words(IMAGE | junk << 12), layout())

    np.testing.assert_array_equal(found.values, IMAGE)
    assert found.bits == 12
    assert found.notes == ("bits above BitsStored hold no film and are left out",)


def test_upper_bits_that_could_be_anything_are_refused():
    image = IMAGE.copy()
    image[::2] += 3 * (np.arange(IMAGE.shape[1]) % 3)  # rough
    image[:, ::9] |= 0x1000
    image[:, 1::4] = image[:, 1::4] // 2 & 0xFFF

    with pytest.raises(Rejected, match="correct BitsStored and HighBit") as refused:
        used_bits(words(image), layout())

    assert refused.value.reason == "undecodable"


def test_a_compressed_image_has_nothing_but_itself_in_its_bits():
    constant = IMAGE | 0x1000

    found = used_bits(words(constant), layout(compressed=True))

    np.testing.assert_array_equal(found.values, constant)
    assert found.bits == 13


@pytest.mark.parametrize("extended", [True, False])
def test_negative_values_keep_their_sign_with_and_without_upper_bits(extended):
    image = IMAGE - 2048
    stored = words(image) if extended else words(image) & 0x0FFF

    found = used_bits(stored, layout(signed=True))

    np.testing.assert_array_equal(found.values, image)
    assert (found.bits, found.notes) == (12, ())


def test_junk_above_negative_values_is_left_out():
    image = IMAGE - 2048

    found = used_bits(words(image & 0xFFF | NOISE << 12), layout(signed=True))

    np.testing.assert_array_equal(found.values, image)


def test_a_signed_image_of_more_bits_than_announced_is_read_whole():
    image = DEEP - 8192

    found = used_bits(words(image), layout(signed=True))

    np.testing.assert_array_equal(found.values, image)
    assert found.bits == 14


def test_values_in_the_upper_bits_are_taken_from_there():
    found = used_bits(words(IMAGE << 4), layout(12, 15))

    np.testing.assert_array_equal(found.values, IMAGE)
    assert found.notes == ()


@pytest.mark.parametrize("high", [12, 15])
def test_a_high_bit_that_the_values_contradict_is_wrong(high):
    found = used_bits(words(IMAGE), layout(12, high))

    np.testing.assert_array_equal(found.values, IMAGE)
    assert found.notes == (f"HighBit {high} is wrong: values lie in the lowest bits",)


def test_bits_below_those_of_the_image_are_left_out_and_that_is_said():
    found = used_bits(words(IMAGE << 4 | NOISE), layout(12, 15))

    np.testing.assert_array_equal(found.values, IMAGE)
    assert found.notes == ("bits below those that HighBit 15 names are left out",)


def test_padding_beyond_the_stored_bits_stays_padding():
    padded = IMAGE.copy()
    padded[:30] = 65535

    found = used_bits(words(padded), layout(padding=65535))

    np.testing.assert_array_equal(found.values, padded)
    assert found.bits == 16
