"""Look-up tables, however they were written."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.look_up_table import LookUpTable, read_table
from cxrmlops.system.errors import Rejected

BYTES = np.arange(300) * 7 % 256  # entries of 8 bits
WORDS = np.arange(300) * 211 % 65536


def item(data: object, vr: str, *, size: int = 300, bits: int = 16) -> Dataset:
    made = Dataset()
    made.add_new("LUTDescriptor", "US", [size, 0, bits])
    made.add_new("LUTData", vr, data)
    return made


def read(made: Dataset, *, big_endian: bool = False) -> LookUpTable:
    table = read_table(made, signed=False, big_endian=big_endian, name="LUT")
    assert table is not None
    return table


def swapped(entries: np.ndarray) -> bytes:
    """Write bytes as PS3.5 7.3 has words in big endian: neighbours exchanged."""
    return entries.astype("u1").reshape(-1, 2)[:, ::-1].tobytes()


@pytest.mark.parametrize(
    ("vr", "data", "big_endian"),
    [
        ("US", WORDS.tolist(), False),
        ("SS", WORDS.astype("u2").view("i2").tolist(), False),
        ("OW", WORDS.astype("<u2").tobytes(), False),
        ("OW", WORDS.astype(">u2").tobytes(), True),
        ("UN", WORDS.astype("<u2").tobytes(), False),
    ],
)
def test_entries_of_words_are_the_same_in_every_encoding(vr, data, big_endian):
    table = read(item(data, vr), big_endian=big_endian)

    np.testing.assert_array_equal(table.data, WORDS)
    assert table.notes == ()


@pytest.mark.parametrize(
    ("vr", "data", "big_endian"),
    [
        ("US", BYTES.tolist(), False),  # one in a word
        ("US", BYTES.astype("u1").view("<u2").tolist(), False),  # two in a word
        ("SS", BYTES.astype("u1").view("<i2").tolist(), False),
        ("OW", BYTES.astype("u1").tobytes(), False),
        ("OB", BYTES.astype("u1").tobytes(), True),  # bytes are never swapped
        ("OW", swapped(BYTES), True),
        ("US", BYTES.astype("u1").view("<u2").tolist(), True),  # swapped when read
    ],
)
def test_entries_of_bytes_are_the_same_in_every_encoding(vr, data, big_endian):
    table = read(item(data, vr, bits=8), big_endian=big_endian)

    np.testing.assert_array_equal(table.data, BYTES)
    assert table.notes == ()


def test_an_odd_number_of_packed_entries_is_padded():
    entries = BYTES[:299]
    padded = np.append(entries, 99).astype("u1").tobytes()

    for data in (padded, entries.astype("u1").tobytes()):
        table = read(item(data, "OB", size=299, bits=8))
        np.testing.assert_array_equal(table.data, entries)
        assert table.notes == ()


def test_of_too_many_entries_the_first_are_used_and_that_is_said():
    table = read(item([*WORDS.tolist(), 5, 6], "US"))

    np.testing.assert_array_equal(table.data, WORDS)
    assert table.notes == (
        "LUT holds 302 entries where 300 are announced: the first are used",
    )


def test_of_too_few_entries_the_last_is_held_and_that_is_said():
    table = read(item(WORDS[:298].tolist(), "US"))

    np.testing.assert_array_equal(table.data, [*WORDS[:298], WORDS[297], WORDS[297]])
    assert table.notes == (
        "LUT holds 298 entries where 300 are announced: the last one is held",
    )


@pytest.mark.parametrize("kept", [0, 1, 149])
def test_a_table_of_which_most_is_missing_is_none(kept):
    made = item(WORDS[:kept].tolist(), "US")

    assert read_table(made, signed=False, big_endian=False, name="LUT") is None


@pytest.mark.parametrize(
    ("highest", "bits", "white"),
    [
        (4095, 12, 4095),
        (4000, 12, 4095),  # announced rightly
        (2048, 12, 4095),  # the uppermost bit is used
        (2047, 12, 2047),  # it is not
        (4095, 16, 4095),  # words of 16 bits, entries of 12
        (1023, 16, 1023),
        (65535, 16, 65535),
        (5000, 12, 5000),  # more than announced
        (100, 8, 255),  # nobody announces bytes in vain
    ],
)
def test_white_is_what_the_entries_use(highest, bits, white):
    table = read(item(np.linspace(0, highest, 300).astype(int).tolist(), "US"))

    assert LookUpTable(table.first, table.data, bits).white == white


def test_the_first_value_of_a_signed_image_may_be_written_unsigned():
    made = item(WORDS.tolist(), "US")
    made.add_new("LUTDescriptor", "US", [300, 65536 - 100, 16])

    table = read_table(made, signed=True, big_endian=False, name="LUT")

    assert table is not None
    assert table.first == -100
    ends = table.entries(np.array([-101, -100, -99, 199, 200]))
    assert ends.tolist() == WORDS[[0, 0, 1, 299, 299]].tolist()


@pytest.mark.parametrize("descriptor", [[300, 0], [300, 0, 0], [300, 0, 17]])
def test_a_descriptor_that_describes_nothing_is_no_table(descriptor):
    made = item(WORDS.tolist(), "US")
    made.add_new("LUTDescriptor", "US", descriptor)

    assert read_table(made, signed=False, big_endian=False, name="LUT") is None


def test_a_descriptor_without_numbers_is_refused():
    made = item(WORDS.tolist(), "US")
    made.add_new("LUTDescriptor", "LO", "a few")

    with pytest.raises(Rejected, match="LUTDescriptor holds no number"):
        read_table(made, signed=False, big_endian=False, name="LUT")
