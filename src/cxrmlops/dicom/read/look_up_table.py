"""
Look-up tables of a film, modality and VOI (PS3.3 C.11.1, C.11.2).

Writers disagree on how entries are stored: as words or bytes, signed, swapped, one more
or one less than announced. What was meant is worked out here, and said in notes.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import numbers

_WORDS = 1 << 16  # entries at most, and a descriptor's 0
_LEAST = 0.5  # of the entries announced: with fewer the rest cannot be guessed


@dataclass(frozen=True)
class LookUpTable:
    """What a table makes of each value."""

    first: int  # value that the first entry is for
    data: np.ndarray  # shape (entries,), float64, 0 and more
    bits: int  # of an entry, as announced
    notes: tuple[str, ...] = ()

    def entries(self, values: np.ndarray) -> np.ndarray:
        """Look up values of any shape; those outside take the first or last entry."""
        at = np.clip(np.round(values - self.first), 0, len(self.data) - 1)
        return self.data[at.astype(np.intp)]

    @property
    def white(self) -> float:
        """Entry that is shown white: the highest possible one by the bits announced.

        Quirk: Agfa, 16 bits announced for entries of 12: the picture would be black.
        Where no entry uses the upper bits, the highest entry there is stands for it.
        """
        highest, least = float(self.data.max()), 1 << (self.bits - 1)
        fits = least <= highest < 2 * least
        small = highest < least and self.bits <= 8  # nobody announces bytes in vain
        return float(2 * least - 1) if fits or small else highest


def read_table(
    item: Dataset, *, signed: bool, big_endian: bool, name: str
) -> LookUpTable | None:
    """Read an item of a Modality or VOI LUT Sequence.

    Args:
        item: with LUT Descriptor and LUT Data.
        signed: some of the values that are looked up are negative.
        big_endian: the film is written so; words of LUT Data as OW are too.
        name: what the notes call the table.

    Returns:
        The table; None: there is none to use.

    Raises:
        Rejected: `undecodable`: the descriptor holds no numbers.
    """
    descriptor = numbers(item, "LUTDescriptor")
    if not _is_usable(descriptor):
        return None
    size, first, bits = (int(value) for value in descriptor)
    size = size % _WORDS or _WORDS  # pydicom may read it signed
    if signed and first >= _WORDS // 2:
        first -= _WORDS
    found = _entries(item, size, bits, big_endian=big_endian)
    if len(found) < _LEAST * size or found.min() == found.max():
        return None
    if len(found) == size:
        return LookUpTable(first, found, bits)
    cure = "the first are used" if len(found) > size else "the last one is held"
    note = f"{name} holds {len(found)} entries where {size} are announced: {cure}"
    held = np.append(found[:size], [found[-1]] * (size - len(found)))
    return LookUpTable(first, held, bits, (note,))


def _is_usable(descriptor: list[float]) -> bool:
    whole = all(value == value // 1 for value in descriptor)  # False for NaN
    return len(descriptor) == 3 and whole and 1 <= descriptor[2] <= 16


def _entries(item: Dataset, size: int, bits: int, *, big_endian: bool) -> np.ndarray:
    """Return the entries that are there, as many as they are: float64, 0 and more."""
    words = _words(item, size, big_endian=big_endian)
    half = len(words) == (size + 1) // 2 and size > 1
    if words.itemsize == 2 and (half or (bits <= 8 and words.max(initial=0) > 255)):
        words = words.astype("<u2").view("u1")  # two entries in a word, low byte first
        words = words[:size] if len(words) == size + 1 else words  # padded
    return words.astype(np.float64)


def _words(item: Dataset, size: int, *, big_endian: bool) -> np.ndarray:
    """Return LUT Data as uint16, or as uint8 where that is what was written."""
    value = item.get("LUTData")
    if isinstance(value, bytes):
        if len(value) == size and size % 2:
            return np.frombuffer(value, "u1")
        swapped = big_endian and item["LUTData"].VR == "OW"  # PS3.5 7.3
        whole = value[: len(value) // 2 * 2]
        return np.frombuffer(whole, ">u2" if swapped else "<u2").astype(np.uint16)
    data = np.atleast_1d(np.asarray(value if value is not None else []))
    if data.dtype.kind not in "iu":
        return np.empty(0, np.uint16)
    # An entry is never negative, whatever its VR: SS was legal once (C.11.1.1.1)
    return (data.astype(np.int64) & (_WORDS - 1)).astype(np.uint16)
