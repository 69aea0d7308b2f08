"""
Which bits of a stored value are the film, where header and values disagree.

The header names BitsStored bits up to HighBit (PS3.3 C.7.6.3). Bits outside may hold an
overlay of older files (PS3.5 8.1.1) or junk, and are left out; or they are the film
itself under a wrong header: left out, bright would wrap into dark. The values tell. A
film is smooth: where it runs from one value of its upper bits into the next, neighbours
are close as long as these bits are kept. Steps there with the upper bits, over steps
without them, were measured on 40 real films of 8 to 15 bits: 0.02 to 0.5 (made-up noisy
ones up to 2) under headers 1 to 4 bits short, 47 (31) and more where text, blocks or
noise lay in bits that the film does not use.
"""

from dataclasses import dataclass

import numpy as np

from cxrmlops.system.errors import Rejected

_IMAGE, _OTHER = 5.0, 15.0  # steps with over steps without: up to, from
_PIXELS = 1 << 22  # looked at; more cost time only


@dataclass(frozen=True)
class Layout:
    """Where the header says that a value lies in its word."""

    bits: int  # BitsStored
    high: int  # HighBit
    signed: bool
    padding: int | None  # value that means "no pixel"
    compressed: bool  # no encoder keeps anything but the film


@dataclass(frozen=True)
class UsedBits:
    """Stored values as the film uses them."""

    values: np.ndarray  # integers of 8 or 16 bits, signed as the header says
    bits: int  # BitsStored, or what the values need
    notes: tuple[str, ...] = ()


def used_bits(raw: np.ndarray, layout: Layout) -> UsedBits:
    """Take the film's values out of their words.

    Args:
        raw: any shape of at least two dimensions, words of 8 or 16 bits.
        layout: as the header says.

    Raises:
        Rejected: `undecodable`: bits beyond BitsStored are set, and neither a film nor
            an overlay explains them.
    """
    unsigned = raw.view(f"u{raw.itemsize}")
    low, note = _lowest_bit(unsigned, layout)
    notes: tuple[str, ...] = (note,) if note else ()
    whole = raw.view(f"{'i' if layout.signed else 'u'}{raw.itemsize}") >> low
    image = _cut(whole, layout.bits)
    if image is whole or np.array_equal(image, whole):
        return UsedBits(image, layout.bits, notes)
    if _is_padding(whole, image, layout) or _is_image(whole, image, layout):
        bits = _bits_needed(whole, layout)
        said = f"values need {bits} bits, the header says {layout.bits}"
        return UsedBits(whole, bits, (*notes, f"{said}: read with what is stored"))
    if int(np.bitwise_or.reduce(unsigned, axis=None)) >> (low + layout.bits):
        notes += ("bits above BitsStored hold no film and are left out",)
    return UsedBits(image, layout.bits, notes)


def _lowest_bit(unsigned: np.ndarray, layout: Layout) -> tuple[int, str]:
    """Find the bit where values begin, and what to say of it."""
    low = max(layout.high + 1 - layout.bits, 0)
    used = int(np.bitwise_or.reduce(unsigned, axis=None))
    if not used & ((1 << low) - 1):
        return low, ""
    if not used >> layout.bits:
        return 0, f"HighBit {layout.high} is wrong: values lie in the lowest bits"
    return low, f"bits below those that HighBit {layout.high} names are left out"


def _cut(whole: np.ndarray, bits: int) -> np.ndarray:
    """Keep the lowest bits, with their sign."""
    beyond = 8 * whole.itemsize - bits
    return whole if beyond <= 0 else (whole << beyond) >> beyond


def _is_padding(whole: np.ndarray, image: np.ndarray, layout: Layout) -> bool:
    """Return whether only the padding lies beyond BitsStored: it is no pixel."""
    return layout.padding is not None and bool(
        (whole[whole != image].astype(np.int64) == layout.padding).all()
    )


def _is_image(whole: np.ndarray, image: np.ndarray, layout: Layout) -> bool:
    """Return whether bits beyond BitsStored belong to the film."""
    every = slice(None, None, max(1, whole.size // _PIXELS))
    kept, cut = whole[every].astype(np.int32), image[every].astype(np.int32)
    crossing = np.diff(kept - cut, axis=1) != 0
    if not crossing.any():
        return layout.compressed
    with_bits = np.abs(np.diff(kept, axis=1)[crossing]).sum(dtype=np.float64)
    without = np.abs(np.diff(cut, axis=1)[crossing]).sum(dtype=np.float64)
    if with_bits <= _IMAGE * without:
        return True
    if with_bits >= _OTHER * without:
        return False
    if layout.compressed:
        return True
    raise Rejected(
        "undecodable",
        f"values need more than the {layout.bits} bits of BitsStored, and nothing says "
        "what the others are; correct BitsStored and HighBit at the source",
    )


def _bits_needed(whole: np.ndarray, layout: Layout) -> int:
    lowest, highest = int(whole.min()), int(whole.max())
    needed = max(highest.bit_length(), (-lowest - 1).bit_length() if lowest < 0 else 0)
    return max(needed + layout.signed, layout.bits)
