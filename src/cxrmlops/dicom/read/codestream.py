"""
What a compressed frame says of itself, read before any decoder sees it.

A decoder trusts the codestream: one that announces 65,500 x 65,500 pixels makes it
allocate gigabytes. Here its announcement is compared with the header's. Of the bits per
sample the codestream knows more than the header (PS3.5 8.2): it wrote them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from cxrmlops.system.errors import Rejected

_SEQUENTIAL = {0xC0, 0xC1}  # baseline, extended
_JPEG = {  # start-of-frame markers that a transfer syntax allows
    JPEGBaseline8Bit: _SEQUENTIAL,
    JPEGExtended12Bit: _SEQUENTIAL,
    JPEGLossless: {0xC3},
    JPEGLosslessSV1: {0xC3},
    JPEGLSLossless: {0xF7},
    JPEGLSNearLossless: {0xF7},
}
_J2K = (JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL)
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
_EOI = b"\xff\xd9"  # ends JPEG, JPEG-LS and JPEG 2000 alike
_BEGINS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # what each of them begins with
_SOS, _SOD = b"\xff\xda", b"\xff\x93"  # compressed data, from here on EOI is no value
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"  # some wrap the codestream in a JP2 file
_TAIL = 64  # bytes of padding that an RLE segment may have
_MAX_TILES = 16_384  # of JPEG 2000; a decoder keeps tables for each, real films have 1
_RLE_HEADER = 64  # bytes: number of segments and 15 offsets


@dataclass(frozen=True)
class Codestream:
    """A compressed frame that agrees with the header."""

    content: bytes  # without what lies behind its end
    precision: int  # bits per sample; 0: the codec does not say (RLE)


@dataclass(frozen=True)
class _Frame:
    """What a codestream announces, and where its compressed data begin."""

    rows: int
    columns: int
    samples: int
    precision: int
    begins: int


def check_codestream(
    frame: bytes, syntax: UID, *, rows: int, columns: int, samples: int
) -> Codestream:
    """Compare a frame's own size with the header's, and find where it ends.

    Args:
        frame: one compressed frame.
        syntax: transfer syntax that the file claims.
        rows: as the header says.
        columns: as the header says.
        samples: per pixel, as the header says.

    Raises:
        Rejected: `undecodable`: another codec, another size, or no size at all; no end,
            or a second picture behind it.
    """
    if syntax == RLELossless:
        _check_rle(frame, rows=rows, columns=columns, samples=samples)
        return Codestream(frame, 0)
    if syntax in _JPEG:
        found = _jpeg_frame(frame, _JPEG[syntax])
    elif syntax in _J2K:
        found = _j2k_frame(frame)
    else:
        return Codestream(frame, 0)  # no decoder will take it
    content = _up_to_end(frame, found.begins)
    if (found.rows, found.columns, found.samples) != (rows, columns, samples):
        said = f"{found.rows} x {found.columns} x {found.samples}"
        raise Rejected("undecodable", f"codestream says {said} pixels, header differs")
    return Codestream(content, found.precision)


def _up_to_end(frame: bytes, begins: int) -> bytes:
    """Cut off what lies behind the end of a codestream; a second one is too much."""
    end = frame.find(_EOI, begins)
    if begins < 0 or end < 0:
        raise Rejected("undecodable", "the codestream ends before its end")
    if any(start in frame[end + 2 :] for start in _BEGINS):
        raise Rejected("undecodable", "a second picture follows the first")
    return frame[: end + 2]


def _jpeg_frame(frame: bytes, allowed: set[int]) -> _Frame:
    for marker, at in _markers(frame):
        if marker in _FRAMES:
            if marker not in allowed:
                raise Rejected("undecodable", "codec differs from the transfer syntax")
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, at + 2)
            return _Frame(rows, columns, samples, bits, frame.find(_SOS, at))
    raise Rejected("undecodable", "no frame header in the codestream")


def _markers(frame: bytes) -> Iterator[tuple[int, int]]:
    """Go over the markers: code and position of the segment that follows."""
    at = 2 if frame[:2] == b"\xff\xd8" else len(frame)
    while at + 10 < len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            yield marker, at + 2
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")


def _j2k_frame(frame: bytes) -> _Frame:
    at = _codestream(frame)
    if frame[at : at + 4] != b"\xff\x4f\xff\x51" or len(frame) < at + 43:
        raise Rejected("undecodable", "no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
    wide, high = struct.unpack_from(">2I", frame, at + 24)
    samples, depth = struct.unpack_from(">HB", frame, at + 40)
    tiles = -(-right // max(wide, 1)) * -(-bottom // max(high, 1))
    if tiles > _MAX_TILES:
        raise Rejected("undecodable", f"more than {_MAX_TILES} tiles")
    bits = (depth & 0x7F) + 1  # Ssiz; its highest bit: signed
    begins = frame.find(_SOD, at)
    return _Frame(bottom - top, right - left, samples, bits, begins)


def _codestream(frame: bytes) -> int:
    """Find where the codestream begins, as a decoder does: box by box (JP2, I.4)."""
    at = 0
    while frame.startswith(_JP2) and at + 8 <= len(frame):
        length, kind = struct.unpack_from(">I4s", frame, at)
        if kind == b"jp2c":
            return at + (16 if length == 1 else 8)
        if length < 8:  # to the end of the file, or 64 bits long: no picture follows
            break
        at += length
    return at


def _check_rle(frame: bytes, *, rows: int, columns: int, samples: int) -> None:
    """Check the segment offsets (PS3.5 G.5), and that no segment is a bomb."""
    if len(frame) < _RLE_HEADER:
        raise Rejected("undecodable", "no RLE header")
    count, *offsets = struct.unpack_from("<16I", frame)
    used = offsets[:count] if count <= 15 else []
    inside = all(_RLE_HEADER <= offset < len(frame) for offset in used)
    if not used or count % samples or used != sorted(used) or not inside:
        raise Rejected("undecodable", "RLE header with impossible offsets")
    longest = 2 * rows * (columns + 2)  # one byte a run, and that is no compression
    if max(b - a for a, b in pairwise([*used, len(frame)])) > longest + _TAIL:
        raise Rejected("undecodable", "RLE segment longer than the picture")
