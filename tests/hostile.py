"""Good films spoilt on purpose, and what becomes of them; apart, for workers import it.

A film is taken apart into raw attributes, spoilt by what a test draws, and written by
hand: pydicom would refuse to write most of it.
"""

import datetime as dt
import io
import json
import random
import struct
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.datadict import tag_for_keyword
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxrmlops.data.backlog_image import ImageRequest, read_backlog_image
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.reporting.study_objects import Settings, StudyJob, in_scope, write_study
from tests.make import SCOPE, make_model_identity, make_readable_image, read_any_image

LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
PIXELS = 0x7FE00010

# Files -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Element:
    """A raw attribute; `length` is what the file claims."""

    tag: int
    vr: str
    value: bytes
    length: int | None = None

    def encoded(self, *, implicit: bool) -> bytes:
        head = struct.pack("<HH", self.tag >> 16, self.tag & 0xFFFF)
        length = len(self.value) if self.length is None else self.length
        if implicit:
            return head + struct.pack("<I", length & UNDEFINED) + self.value
        vr = self.vr.encode("latin-1")
        if self.vr in LONG:
            return head + vr + struct.pack("<HI", 0, length & UNDEFINED) + self.value
        return head + vr + struct.pack("<H", length & 0xFFFF) + self.value


@dataclass(frozen=True)
class Parts:
    """A film taken apart."""

    elements: tuple[Element, ...]
    syntax: str

    def get(self, keyword: str) -> Element | None:
        tag = tag_for_keyword(keyword)
        return next((one for one in self.elements if one.tag == tag), None)

    def put(self, *new: Element) -> "Parts":
        """Replace what has the same tag; tags stay in order."""
        tags = {one.tag for one in new}
        kept = [one for one in self.elements if one.tag not in tags]
        return replace(self, elements=tuple(sorted([*kept, *new], key=_by_tag)))

    def without(self, tag: int) -> "Parts":
        return replace(
            self, elements=tuple(one for one in self.elements if one.tag != tag)
        )

    def encoded(self) -> bytes:
        meta = [
            Element(0x00020001, "OB", b"\0\1"),
            Element(0x00020010, "UI", _even(self.syntax.encode("latin-1"), b"\0")),
        ]
        head = b"".join(one.encoded(implicit=False) for one in meta)
        size = Element(0x00020000, "UL", struct.pack("<I", len(head)))
        implicit = self.syntax == ImplicitVRLittleEndian
        body = b"".join(one.encoded(implicit=implicit) for one in self.elements)
        if self.syntax == DeflatedExplicitVRLittleEndian:
            body = _deflated(body)
        return b"\0" * 128 + b"DICM" + size.encoded(implicit=False) + head + body


def element(keyword: str, vr: str, value: bytes, length: int | None = None) -> Element:
    return Element(int(tag_for_keyword(keyword) or 0), vr, value, length)


def _by_tag(one: Element) -> int:
    return one.tag


def _even(value: bytes, pad: bytes = b" ") -> bytes:
    return value + pad * (len(value) % 2)


def _deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def taken_apart(image: pydicom.Dataset) -> Parts:
    """Write a film as explicit little endian and read its raw attributes."""
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    file.seek(0)
    read = pydicom.dcmread(file)
    raw = [read.get_item(tag) for tag in read.keys()]  # noqa: SIM118  raw ones
    elements = (Element(int(r.tag), str(r.VR), _raw(r.value)) for r in raw)
    return Parts(tuple(elements), ExplicitVRLittleEndian)


def _raw(value: bytes | str | None) -> bytes:
    """Give bytes also of the character set, which pydicom reads at once."""
    return _even(value.encode()) if isinstance(value, str) else value or b""


@cache
def good_image(encoding: str) -> Parts:
    """Give a readable chest film in one of ENCODINGS."""
    image = taken_apart(make_readable_image(1))
    pixels = image.get("PixelData")
    values = np.frombuffer(pixels.value if pixels else b"", "<u2").reshape(160, 140)
    return ENCODINGS[encoding](image, values)


def _plain(syntax: str) -> Callable[[Parts, np.ndarray], Parts]:
    return lambda image, values: replace(image, syntax=syntax)


def _compressed(image: Parts, frame: bytes, syntax: str, bits: int) -> Parts:
    said = {"BitsAllocated": 8 if bits == 8 else 16, "BitsStored": bits}
    said["HighBit"] = bits - 1
    numbers = [element(name, "US", struct.pack("<H", n)) for name, n in said.items()]
    packed = encapsulate([frame])
    image = image.put(
        *numbers, Element(PIXELS, "OB", packed + END + b"\0" * 4, UNDEFINED)
    )
    return replace(image, syntax=syntax)


def _by_pillow(kind: str, syntax: str) -> Callable[[Parts, np.ndarray], Parts]:
    def compress(image: Parts, values: np.ndarray) -> Parts:
        options = {"no_jp2": True, "irreversible": False} if kind == "JPEG2000" else {}
        file = io.BytesIO()
        Image.fromarray((values >> 4).astype(np.uint8)).save(file, kind, **options)
        return _compressed(image, file.getvalue(), syntax, 8)

    return compress


def _by_charls(image: Parts, values: np.ndarray) -> Parts:
    import jpeg_ls

    return _compressed(image, bytes(jpeg_ls.encode(values)), JPEGLSLossless, 12)


def _by_runs(image: Parts, values: np.ndarray) -> Parts:
    from pydicom.pixels.encoders.native import _encode_segment

    planes = [(values >> 8).astype(np.uint8), values.astype(np.uint8)]
    segments = [bytes(_encode_segment(p.tobytes(), p.shape[1])) for p in planes]
    offsets = [64, 64 + len(segments[0])]
    head = struct.pack("<16I", 2, *offsets, *[0] * 13)
    return _compressed(image, head + b"".join(segments), RLELossless, 12)


def _by_gdcm(image: Parts, values: np.ndarray) -> Parts:
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        path.write_bytes(image.encoded())
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(
            gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1)
        )
        if not reader.Read():
            raise ValueError("gdcm cannot read the film")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise ValueError("gdcm cannot compress the film")
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        writer.Write()
        frame = next(generate_frames(pydicom.dcmread(path).PixelData))
    return _compressed(image, frame, JPEGLosslessSV1, 12)


ENCODINGS: dict[str, Callable[[Parts, np.ndarray], Parts]] = {
    "explicit": _plain(ExplicitVRLittleEndian),
    "implicit": _plain(ImplicitVRLittleEndian),
    "deflated": _plain(DeflatedExplicitVRLittleEndian),
    "jpeg": _by_pillow("JPEG", JPEGBaseline8Bit),
    "jpeg_2000": _by_pillow("JPEG2000", JPEG2000Lossless),
    "jpeg_ls": _by_charls,
    "jpeg_lossless": _by_gdcm,
    "rle": _by_runs,
}

# Ways to spoil -----------------------------------------------------------------------

Spoil = Callable[[Parts, random.Random], Parts]

TEXTS = (
    *(b"", b"\\", b"\\" * 3000, b" ", b"\0\0", b"NaN", b"inf", b"-inf", b"1e400"),
    *(b"1e308", b"-1e308", b"1e-320", b"-1", b"0", b"1", b"0\\0", b"nan\\nan", b"1e9"),
    *(b"99999999999999999999", b"1_000", b"0x10", b"2.5.3", b"A" * 70000, b"\xff" * 8),
    *(b"../../../../etc/passwd", b"<script>alert(1)</script>", b"'; DROP TABLE films"),
    *(b"\xed\xa0\x80", b"\x1b$B;3ED\x1b(B", b"\x1b$)C", b"\\ud800", b"\xfe\xff\0A"),
    *(
        b"=^=^=",
        b"^" * 40,
        b"a\nb\r\tc",
        b"\xe2\x80\xae",
        b"19991399",
        b"000Y",
        b"4\\4",
    ),
)
WORDS = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    11,
    12,
    15,
    16,
    17,
    31,
    32,
    64,
    100,
    255,
    256,
    32768,
    65535,
)
NUMBERS = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue"),
    *("PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue"),
)
FLOATS = (
    *("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"),
    *("ImagerPixelSpacing", "PixelSpacing", "PixelAspectRatio", "NumberOfFrames"),
    *("EstimatedRadiographicMagnificationFactor", "PatientWeight", "SeriesNumber"),
)
STRINGS = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "StudyDescription"),
    *("ReferringPhysicianName", "BodyPartExamined", "ViewPosition", "ImageType"),
    *("PatientOrientation", "Modality", "SOPClassUID", "SOPInstanceUID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "PresentationLUTShape"),
    *("VOILUTFunction", "TimezoneOffsetFromUTC", "Manufacturer", "SoftwareVersions"),
    *("LossyImageCompression", "PresentationIntentType", "IssuerOfPatientID"),
    *("AcquisitionDate", "AcquisitionTime", "InstanceNumber", "Laterality"),
)
CHARSETS = (
    *(b"ISO_IR 999", b"unicode_escape", b"raw_unicode_escape", b"utf-7", b"idna"),
    *(b"rot13", b"zip", b"hex", b"punycode", b"utf-16", b"utf-8", b"GB18030", b"GBK"),
    *(
        b"\\ISO 2022 IR 87",
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"ISO_IR 192\\ISO_IR 100",
    ),
    *(
        b"ISO_IR 166",
        b"ISO-IR 144",
        b"\\" * 200,
        b"\xff\xff",
        b"",
        b"undefined",
        b"mbcs",
    ),
)
SYNTAXES = (
    *("", "1.2.3.4", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"),
    *("1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"),
    *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 94, 95)),
    *(f"1.2.840.10008.1.2.4.{n}" for n in (100, 102, 110, 201, 202, 203)),
    *("1.2.840.113619.5.2", "..", "\xff" * 10, "1.2.840.10008.1.2.1\\1.2"),
)
PHOTOMETRIC = (
    *(b"MONOCHROME1", b"MONOCHROME2", b"monochrome2", b"MONOCHROME2\0\0", b"RGB"),
    *(b"PALETTE COLOR", b"YBR_FULL", b"YBR_FULL_422", b"YBR_RCT", b"YBR_ICT", b"HSV"),
    *(b"YBR_PARTIAL_420", b"ARGB", b"CMYK", b"XYB", b"MONOCHROME2\\MONOCHROME1", b""),
)
VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "OB"),
    *("OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM"),
    *("UC", "UI", "UL", "UN", "UR", "US", "UT", "UV", "ZZ", "??", "\0\0", "ox"),
)


def number(image: Parts, rng: random.Random) -> Parts:
    value = struct.pack("<H", rng.choice(WORDS))
    odd = (value, value, value, value * 2, value + b"\1", value[:1], b"", b"12")
    return image.put(element(rng.choice(NUMBERS), "US", rng.choice(odd)))


def decimal(image: Parts, rng: random.Random) -> Parts:
    return image.put(element(rng.choice(FLOATS), "DS", _even(_short(rng))))


def string(image: Parts, rng: random.Random) -> Parts:
    return image.put(element(rng.choice(STRINGS), "LO", _even(_short(rng))))


def _short(rng: random.Random) -> bytes:
    """Draw a text; the 2-byte length of most VRs cannot tell more than 64 KiB."""
    return rng.choice(TEXTS)[:65534]


def date_or_time(image: Parts, rng: random.Random) -> Parts:
    name, vr = rng.choice(
        [("StudyDate", "DA"), ("StudyTime", "TM"), ("PatientAge", "AS")]
    )
    return image.put(element(name, vr, _even(_short(rng))))


def charset(image: Parts, rng: random.Random) -> Parts:
    terms = element("SpecificCharacterSet", "CS", _even(rng.choice(CHARSETS)))
    name = element("PatientName", "PN", _even(_short(rng)))
    return image.put(terms, name) if rng.random() < 0.5 else image.put(terms)


def photometric(image: Parts, rng: random.Random) -> Parts:
    kind = _even(rng.choice(PHOTOMETRIC))
    return image.put(element("PhotometricInterpretation", "CS", kind))


def transfer_syntax(image: Parts, rng: random.Random) -> Parts:
    return replace(image, syntax=rng.choice(SYNTAXES))


def drop(image: Parts, rng: random.Random) -> Parts:
    return image.without(rng.choice(image.elements).tag) if image.elements else image


def twice(image: Parts, rng: random.Random) -> Parts:
    at = rng.randrange(len(image.elements) or 1)
    return replace(image, elements=image.elements[: at + 1] + image.elements[at:])


def shuffle(image: Parts, rng: random.Random) -> Parts:
    elements = list(image.elements)
    rng.shuffle(elements)
    return replace(image, elements=tuple(elements))


def other_vr(image: Parts, rng: random.Random) -> Parts:
    return _changed(image, rng, lambda one: replace(one, vr=rng.choice(VRS)))


def other_length(image: Parts, rng: random.Random) -> Parts:
    lengths = (0, 1, 3, 7, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFF0, UNDEFINED)
    return _changed(image, rng, lambda one: replace(one, length=rng.choice(lengths)))


def other_bytes(image: Parts, rng: random.Random) -> Parts:
    def spoil(one: Element) -> Element:
        value = bytearray(one.value or b"\0")
        for _ in range(rng.choice((1, 4, 64))):
            value[rng.randrange(len(value))] = rng.randrange(256)
        return replace(one, value=bytes(value))

    return _changed(image, rng, spoil)


def _changed(
    image: Parts, rng: random.Random, change: Callable[[Element], Element]
) -> Parts:
    if not image.elements:
        return image
    at = rng.randrange(len(image.elements))
    changed = change(image.elements[at])
    elements = (*image.elements[:at], changed, *image.elements[at + 1 :])
    return replace(image, elements=elements)


def group_length(image: Parts, rng: random.Random) -> Parts:
    group = rng.choice((0x0008, 0x0010, 0x0028, 0x7FE0, 0x0009))
    size = struct.pack("<I", rng.choice((0, 1, 12, 1 << 20, UNDEFINED)))
    return image.put(Element(group << 16, "UL", size))


def sequence(image: Parts, rng: random.Random) -> Parts:
    """Nest sequences, of defined or undefined length, or fill one with empty items."""
    name = rng.choice(
        ("RequestAttributesSequence", "ViewCodeSequence", "AnatomicRegionSequence")
    )
    if rng.random() < 0.3:
        many = (ITEM + b"\0" * 4) * rng.choice((1, 1000, 200_000))
        return image.put(element(name, "SQ", many))
    depth = rng.choice((1, 5, 31, 33, 200, 3000))
    body, tag = b"", int(tag_for_keyword(name) or 0)
    for _ in range(depth):
        if rng.random() < 0.5:
            item = ITEM + struct.pack("<I", len(body)) + body
            body = Element(tag, "SQ", item).encoded(implicit=False)
        else:
            item = ITEM + b"\xff" * 4 + body + ITEM_END + b"\0" * 4
            one = Element(tag, "SQ", item + END + b"\0" * 4, UNDEFINED)
            body = one.encoded(implicit=False)
    inner = body[12:]
    return image.put(Element(tag, "SQ", inner))


def private(image: Parts, rng: random.Random) -> Parts:
    vr = rng.choice(VRS)
    value = rng.choice((*TEXTS, b"\0" * 300_000, (ITEM + b"\0" * 4) * 5000))
    maker = Element(0x00190010, "LO", b"CANARY VENDOR ")
    value = value if vr in LONG else value[:65534]
    return image.put(maker, Element(0x00191000 + rng.randrange(99), vr, value))


def lookup_table(image: Parts, rng: random.Random) -> Parts:
    entries = rng.choice((0, 1, 2, 255, 256, 4096, 65535))
    said = rng.choice((entries, 0, 1, 65535, 7))
    descriptor = struct.pack(
        "<3H", said & 0xFFFF, rng.choice((0, 1, 32768, 65535)), rng.choice(WORDS)
    )
    data = rng.choice(
        (bytes(2 * entries), rng.randbytes(2 * entries), b"\xff" * entries)
    )
    inner = element("LUTDescriptor", "US", descriptor[: rng.choice((6, 6, 4, 0))])
    table = element("LUTData", rng.choice(("OW", "US", "UN", "LO")), data[:65534])
    body = inner.encoded(implicit=False) + table.encoded(implicit=False)
    item = ITEM + struct.pack("<I", len(body)) + body
    name = rng.choice(("VOILUTSequence", "ModalityLUTSequence"))
    return image.put(element(name, "SQ", item))


def palette(image: Parts, rng: random.Random) -> Parts:
    colours = [
        element(
            f"{c}PaletteColorLookupTableDescriptor", "US", struct.pack("<3H", 256, 0, 8)
        )
        for c in ("Red", "Green", "Blue")
    ]
    return image.put(
        element("PhotometricInterpretation", "CS", b"PALETTE COLOR "), *colours
    )


def pixel_bytes(image: Parts, rng: random.Random) -> Parts:
    """Cut, stretch or mislabel the pixels."""
    pixels = image.get("PixelData")
    if pixels is None:
        return image
    old = pixels.value
    value = rng.choice(
        (
            b"",
            old[:-1],
            old[: len(old) // 2],
            old * 2,
            old + b"\0" * 7,
            rng.randbytes(500),
        )
    )
    length = rng.choice((None, None, UNDEFINED, 0, 0xFFFFFFFE, len(old)))
    vr = rng.choice((pixels.vr, "OB", "OW", "UN", "US", "SQ", "UT", "OF"))
    return image.put(Element(PIXELS, vr, value, length))


def other_pixel_attribute(image: Parts, rng: random.Random) -> Parts:
    pixels = image.get("PixelData")
    tag = rng.choice((0x7FE00008, 0x7FE00009, 0x7FE00001))
    return image.put(Element(tag, "OF", pixels.value if pixels else b"\0" * 80))


def fragments(image: Parts, rng: random.Random) -> Parts:
    """Rewrite the items that hold a compressed frame."""
    frame = rng.randbytes(200)
    pixels = image.get("PixelData")
    if pixels is not None and len(pixels.value) > 100:
        frame = pixels.value[16:-8]
    table = rng.choice(
        (
            b"",
            b"\0" * 4,
            b"\xff" * 4,
            struct.pack("<3I", 0, 7, 4_000_000_000),
            b"\0" * 3,
        )
    )
    cut = rng.randrange(1, len(frame))
    pieces = rng.choice(
        (
            [frame],
            [frame[:cut], frame[cut:]],
            [],
            [b""],
            [frame, frame],
            [b"\0\0"] * 12_000,
        )
    )
    body = b"".join(ITEM + struct.pack("<I", len(p)) + p for p in (table, *pieces))
    body = rng.choice(
        (body, body, ITEM + b"\xff" * 4 + body, ITEM + b"\xf0" * 4, body[8:])
    )
    body += rng.choice((END + b"\0" * 4, b"", END, ITEM_END + b"\0" * 4))
    return image.put(Element(PIXELS, "OB", body, UNDEFINED))


def codestream(image: Parts, rng: random.Random) -> Parts:
    """Flip bytes of the compressed frame, most of them in its head."""
    pixels = image.get("PixelData")
    if pixels is None or len(pixels.value) < 200:
        return image
    value = bytearray(pixels.value)
    for _ in range(rng.choice((1, 2, 8, 40))):
        at = rng.randrange(rng.choice((120, len(value))))
        value[at] = rng.choice((0, 1, 255, rng.randrange(256)))
    return image.put(replace(pixels, value=bytes(value)))


def overlay(image: Parts, rng: random.Random) -> Parts:
    rows = Element(0x60000010, "US", struct.pack("<H", rng.choice(WORDS)))
    return image.put(rows, Element(0x60003000, "OW", rng.randbytes(99)))


def enhanced(image: Parts, rng: random.Random) -> Parts:
    """Say things that belong to other kinds of objects."""
    kinds = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.2", "1.2.3", "")
    classes = (*kinds, "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1")
    uid = _even(rng.choice(classes).encode(), b"\0")
    return image.put(element("SOPClassUID", "UI", uid))


SPOILS: tuple[Spoil, ...] = (
    *(number, decimal, string, date_or_time, charset, photometric, transfer_syntax),
    *(drop, twice, shuffle, other_vr, other_length, other_bytes, group_length),
    *(sequence, private, lookup_table, palette, pixel_bytes, other_pixel_attribute),
    *(fragments, codestream, overlay, enhanced),
)


def spoil_bytes(content: bytes, rng: random.Random) -> bytes:
    """Spoil a whole file, whatever it is."""
    kind = rng.randrange(6)
    changed = bytearray(content)
    if kind == 0:
        for _ in range(rng.choice((1, 4, 16, 64))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    elif kind == 1:
        changed = changed[: rng.randrange(len(changed))]
    elif kind == 2:
        at = rng.randrange(len(changed))
        del changed[at : at + rng.choice((1, 2, 100))]
    elif kind == 3:
        at = rng.randrange(len(changed))
        changed[at:at] = rng.randbytes(rng.choice((1, 2, 8, 1000)))
    elif kind == 4:
        at = rng.randrange(len(changed))
        changed[at:at] = changed[at : at + 500]
    else:
        changed = changed[rng.choice((4, 128, 132, 300)) :]
    return bytes(changed)


# What becomes of them ----------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What became of a file."""

    reason: str  # "" when it was read
    objects: int = 0  # written about it
    wrong: str = ""  # what must not be
    seconds: float = 0.0  # of processor time: the machine may be busy
    megabytes: float = 0.0  # peak of the process so far


def judge(path: Path) -> Verdict:
    """Read a file, and write what is written about it; the network has no part."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = _judged(path, Path(folder))
        except Exception:  # noqa: BLE001  that is what we look for
            found = Verdict("", 0, traceback.format_exc())
    seconds = time.process_time() - start
    return replace(found, seconds=seconds, megabytes=peak_megabytes())


def peak_megabytes() -> float:
    """Of this process alone: ru_maxrss would count the one that started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _judged(path: Path, folder: Path) -> Verdict:
    read = read_backlog_image(
        ImageRequest(
            number=1,
            path=path,
            size=32,
            pictures=folder / "images",
            scope=SCOPE,
        )
    )
    row = read.row
    reason = str(row["reason"])
    if not reason:
        image = read_any_image(path).image
        if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
            return Verdict(reason, 0, "the picture is not finite between 0 and 1")
        grid = np.full((2, 2), 0.5, "<f2")
        row |= {"outcome": "scored", "logit": 1.0, "probability": 0.73}
        row |= {"evidence": grid.tobytes(), "evidence_rows": 2, "evidence_columns": 2}
    words = [read.accession_number, read.study_date, *map(str, row.values())]
    json.dumps(words, ensure_ascii=False).encode("utf-8")
    SCORED_IMAGES.write(SCORED_IMAGES.from_rows([row]), folder)
    if any("\0" in word for word in words):
        return Verdict(reason, 0, "a zero byte, which PostgreSQL refuses")
    return _reported(row, folder)


def _reported(row: dict[str, object], folder: Path) -> Verdict:
    """Write the study's objects and read them back."""
    reason = str(row["reason"])
    moment = dt.datetime(2026, 5, 2, 2, 30, tzinfo=dt.UTC)
    study = {
        "outcome": row["outcome"],
        "probability": row["probability"],
        "analysed_at": moment.isoformat(),
    }
    settings = Settings(
        make_model_identity(), "evidence", "zh", "医院", True, 64, fhir=True
    )
    job = StudyJob(study, (row,), folder, folder / "out", settings)
    if not (row["study_instance_uid"] and in_scope(job)):
        return Verdict(reason, 0, "")
    written = write_study(job)
    if written.failed:
        return Verdict(reason, 0, f"no report: {written.failed}")
    for one in written.objects:
        if one.file.endswith(".dcm"):
            pydicom.dcmread(folder / "out" / one.file).walk(lambda ds, e: str(e.value))
    return Verdict(reason, len(written.objects), "")
