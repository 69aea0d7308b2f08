"""What a compressed frame says of itself."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless as J2K
from pydicom.uid import (
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxrmlops.dicom.read.codestream import Codestream, check_codestream
from cxrmlops.system.errors import Rejected


def frame(kind: str, rows: int = 40, columns: int = 60) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(np.zeros((rows, columns), np.uint8))
    picture.save(file, kind, **({"no_jp2": True} if kind == "JPEG2000" else {}))
    return file.getvalue()


def check(content: bytes, syntax: str, rows: int = 40, columns: int = 60) -> Codestream:
    return check_codestream(content, syntax, rows=rows, columns=columns, samples=1)


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", J2K)]
)
def test_a_codestream_that_agrees_with_the_header_passes(kind, syntax):
    check(frame(kind), syntax)
    check(frame(kind) + b"\0" * 8, syntax)  # padded


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", J2K)]
)
def test_another_size_than_the_headers_is_refused(kind, syntax):
    with pytest.raises(Rejected, match="says 40 x 60 x 1 pixels"):
        check(frame(kind), syntax, rows=41)


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", J2K)]
)
def test_half_a_codestream_is_refused(kind, syntax):
    content = frame(kind)

    with pytest.raises(Rejected, match="ends before its end"):
        check(content[: -len(content) // 4], syntax)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEGLosslessSV1])
def test_another_codec_than_the_transfer_syntax_is_refused(syntax):
    with pytest.raises(Rejected, match="codec differs from the transfer syntax"):
        check(frame("JPEG"), syntax)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\0" * 500, b"\xff\xd8\xff\xff"]
)
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, J2K, RLELossless])
def test_what_is_no_codestream_is_refused(content, syntax):
    with pytest.raises(Rejected) as refused:
        check(content, syntax)

    assert refused.value.reason == "undecodable"


def test_an_rle_frame_is_at_least_its_header_of_64_bytes():
    header = struct.pack("<16I", 1, 64, *[0] * 14)

    with pytest.raises(Rejected, match="no RLE header"):
        check(header[:63], RLELossless)


def test_rle_segments_lie_within_the_frame():
    good = struct.pack("<16I", 1, 64, *[0] * 14) + b"\0" * 20
    bad = struct.pack("<16I", 1, 4_000_000_000, *[0] * 14) + b"\0" * 20

    check(good, RLELossless)
    with pytest.raises(Rejected, match="impossible offsets"):
        check(bad, RLELossless)


def test_a_picture_of_many_tiles_is_refused():
    content = bytearray(frame("JPEG2000", rows=400, columns=600))
    at = content.index(b"\xff\x51") + 22  # width and height of a tile
    content[at : at + 8] = struct.pack(">2I", 1, 1)

    with pytest.raises(Rejected, match="tiles"):
        check(bytes(content), J2K, rows=400, columns=600)


def test_a_wrapped_codestream_is_read_and_one_that_hides_before_it_is_not():
    file = io.BytesIO()
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(file, "JPEG2000", no_jp2=False)
    wrapped = file.getvalue()
    bait = frame("JPEG2000", rows=400, columns=600)
    box = struct.pack(">I4s", 8 + len(bait), b"free") + bait
    at = wrapped.index(b"jp2c") - 4

    check(wrapped, J2K)
    check(wrapped[:at] + box + wrapped[at:], J2K)
    with pytest.raises(Rejected, match="header differs"):
        check(wrapped[:at] + box + wrapped[at:], J2K, rows=400, columns=600)


def test_runs_that_grow_beyond_the_picture_are_refused():
    head = struct.pack("<16I", 1, 64, *[0] * 14)

    check(head + b"\x81\x00" * 20, RLELossless)
    with pytest.raises(Rejected, match="longer than the picture"):
        check(head + b"\x81\x00" * 5000, RLELossless)


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", J2K)]
)
@pytest.mark.parametrize("behind", [b"\0" * 200, b"\xff" * 3, b"any words" * 1000])
def test_what_lies_behind_the_end_is_cut_off(kind, syntax, behind):
    content = frame(kind)

    assert check(content + behind, syntax).content == content


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", J2K)]
)
def test_a_second_picture_behind_the_first_is_refused(kind, syntax):
    with pytest.raises(Rejected, match="a second picture follows"):
        check(frame(kind) + b"\0" * 6 + frame(kind), syntax)


def test_an_end_within_a_comment_is_none():
    content = frame("JPEG")
    comment = b"\xff\xfe\x00\x06\xff\xd9\xff\xd9"
    spoken = content[:2] + comment + content[2:]

    assert check(spoken, JPEGBaseline8Bit).content == spoken
    with pytest.raises(Rejected, match="ends before its end"):
        check(spoken[:-200], JPEGBaseline8Bit)


@pytest.mark.parametrize("bits", [8, 12, 14, 16])
def test_the_bits_of_a_jpeg_frame_are_its_own(bits):
    content = bytearray(frame("JPEG"))
    at = content.index(b"\xff\xc0") + 4  # P of the frame header, T.81 B.2.2
    assert content[at] == 8

    content[at] = bits

    assert check(bytes(content), JPEGBaseline8Bit).precision == bits


def test_the_bits_of_a_jpeg_2000_frame_are_its_own():
    content = bytearray(frame("JPEG2000"))
    at = content.index(b"\xff\x51") + 40  # Ssiz
    assert check(bytes(content), J2K).precision == content[at] + 1 == 8

    for ssiz, bits in [(13, 14), (0x80 | 11, 12)]:  # unsigned 14, signed 12
        content[at] = ssiz
        assert check(bytes(content), J2K).precision == bits


def test_a_marker_without_a_segment_is_passed_over():
    content = frame("JPEG")
    marked = content[:2] + b"\xff\x01" + content[2:]  # TEM, T.81 B.1.1.3

    assert check(marked, JPEGBaseline8Bit).precision == 8
