"""
Pixel Data -> stored values, after a look at everything that could go wrong.

What header and codestream say is checked before a decoder runs (PS3.3 C.7.6.3, PS3.5
8): a decoder believes what it is told.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from cxrmlops.dicom.read.attributes import COLOUR, GREY, number, text, whole_number
from cxrmlops.dicom.read.codestream import check_codestream
from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.dicom.read.gdcm_jpeg import decode_jpeg, is_ours
from cxrmlops.dicom.read.source import Limits
from cxrmlops.dicom.read.used_bits import Layout, UsedBits, used_bits
from cxrmlops.system.errors import Rejected

_MAX_FRAGMENTS = 10_000  # of a compressed frame; parsing more would take minutes
_ITEM = b"\xfe\xff\x00\xe0"

# One decoder per transfer syntax: where several could, they agree, and gdcm is slower.
_DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",  # of 8 bits
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}


@dataclass(frozen=True)
class PixelFormat:
    """What the header says of the pixels."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric_interpretation: str

    planar_configuration: int

    @property
    def shape(self) -> dict[str, int]:
        """Rows, columns and samples, by name."""
        return {"rows": self.rows, "columns": self.columns, "samples": self.samples}


@dataclass(frozen=True)
class StoredValues:
    """The only frame, decoded."""

    values: np.ndarray  # (rows, columns[, 3]), integers of 8 or 16 bits
    bits: int  # that the values need: BitsStored, or more where it is wrong
    signed: bool
    notes: tuple[str, ...]  # where header and values disagree

    @property
    def lowest(self) -> int:
        """Lowest possible value: 0, or negative for signed pixels."""
        return -(1 << (self.bits - 1)) if self.signed else 0


def pixel_format(dataset: Dataset, limits: Limits) -> PixelFormat:
    """Check what the header says of the pixels, before any of them is touched.

    Raises:
        Rejected: `not_an_image`, `multi_frame`, `not_grayscale`, `too_large` or
            `undecodable`.
    """
    if "PixelData" not in dataset:
        raise Rejected("not_an_image", "no Pixel Data")
    frames = whole_number(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise Rejected("multi_frame", "NumberOfFrames is above 1")
    if frames < 1:
        raise Rejected("undecodable", "NumberOfFrames is below 1; send it corrected")
    bits_stored = whole_number(dataset, "BitsStored")
    form = PixelFormat(
        rows=whole_number(dataset, "Rows"),
        columns=whole_number(dataset, "Columns"),
        samples=whole_number(dataset, "SamplesPerPixel", 1),
        bits_allocated=whole_number(dataset, "BitsAllocated"),
        bits_stored=bits_stored,
        high_bit=whole_number(dataset, "HighBit", bits_stored - 1),
        signed=_is_signed(dataset),
        photometric_interpretation=text(dataset, "PhotometricInterpretation").upper(),
        planar_configuration=whole_number(dataset, "PlanarConfiguration"),
    )
    expected = GREY if form.samples == 1 else COLOUR
    if form.samples not in (1, 3) or form.photometric_interpretation not in expected:
        raise Rejected("not_grayscale", "PhotometricInterpretation or SamplesPerPixel")
    if min(form.rows, form.columns) < 1:
        raise Rejected("not_an_image", "Rows or Columns is below 1")
    if form.rows * form.columns > limits.max_pixels:
        raise Rejected("too_large", f"{form.rows} x {form.columns} pixels")
    _check_bits(form)
    return form


def decode(dataset: Dataset, form: PixelFormat) -> StoredValues:
    """Decode the only frame.

    Raises:
        Rejected: `undecodable`.
    """
    with reject_on_error("undecodable", "decoding"):
        syntax = UID(text(dataset.file_meta, "TransferSyntaxUID"))
        if syntax.is_encapsulated:
            values = _decompressed(_frame(dataset), syntax, form)
        else:
            _check_length(dataset, form)
            values = _by_pydicom(
                dataset.PixelData,
                syntax,
                form,
                bits_allocated=form.bits_allocated,
                bits_stored=form.bits_stored,
                pixel_vr=dataset["PixelData"].VR,
            )
    if values.shape[:2] != (form.rows, form.columns) or values.itemsize > 2:
        raise Rejected("undecodable", "decoded to another shape than the header says")
    found = _used(
        values.astype(values.dtype.newbyteorder("="), copy=False), dataset, form
    )
    notes = found.notes
    if "PixelRepresentation" not in dataset:  # Type 1, PS3.3 C.7.6.3.1
        notes += ("PixelRepresentation is missing, values are taken as unsigned",)
    return StoredValues(found.values, found.bits, form.signed, notes)


def _is_signed(dataset: Dataset) -> bool:
    representation = whole_number(dataset, "PixelRepresentation")
    if representation not in (0, 1):
        raise Rejected("undecodable", "PixelRepresentation is neither 0 nor 1")
    return representation == 1


def _check_bits(form: PixelFormat) -> None:
    fits = 1 <= form.bits_stored <= form.high_bit + 1 <= form.bits_allocated
    if form.bits_allocated not in (8, 16) or not fits:
        said = f"{form.bits_allocated}, {form.bits_stored}, {form.high_bit}"
        raise Rejected("undecodable", f"bits allocated, stored, high bit: {said}")


def _frame(dataset: Dataset) -> bytes:
    """Join the fragments: of one frame the offset tables say nothing (PS3.5 A.4)."""
    content = dataset.PixelData
    if content.count(_ITEM) > _MAX_FRAGMENTS:
        raise Rejected("undecodable", f"more than {_MAX_FRAGMENTS} fragments")
    table, *fragments = generate_fragments(content)
    return b"".join(fragments)


def _decompressed(frame: bytes, syntax: UID, form: PixelFormat) -> np.ndarray:
    """Decode a frame by what it says of its bits; the header's may be others."""
    stream = check_codestream(frame, syntax, **form.shape)
    bits = stream.precision or form.bits_stored
    if is_ours(syntax, stream.precision):
        values = decode_jpeg(stream.content, syntax, **form.shape, precision=bits)
        if form.signed and bits < form.bits_stored and (values >> (bits - 1)).any():
            said = f"{bits} bits in the codestream, BitsStored {form.bits_stored}"
            raise Rejected("undecodable", f"signed values of unknown sign: {said}")
        return values
    allocated = form.bits_allocated
    if stream.precision:
        allocated = 8 if bits <= 8 else 16
    return _by_pydicom(
        encapsulate([stream.content]),
        syntax,
        form,
        bits_allocated=allocated,
        bits_stored=bits,
    )


def _by_pydicom(
    content: bytes, syntax: UID, form: PixelFormat, **options: int | str
) -> np.ndarray:
    values, _ = get_decoder(syntax).as_array(
        content,
        index=0,
        decoding_plugin=_DECODERS.get(syntax, ""),
        correct_unused_bits=False,
        number_of_frames=1,
        pixel_keyword="PixelData",
        rows=form.rows,
        columns=form.columns,
        samples_per_pixel=form.samples,
        photometric_interpretation=form.photometric_interpretation,
        pixel_representation=int(form.signed),
        planar_configuration=form.planar_configuration,
        **options,
    )
    return values


def _check_length(dataset: Dataset, form: PixelFormat) -> None:
    """Refuse pixels enough for a second frame: the header is of another picture."""
    size = form.rows * form.columns * form.samples * form.bits_allocated // 8
    if len(dataset.PixelData) >= 2 * size:
        raise Rejected("undecodable", "twice the pixels that the header announces")


def _used(values: np.ndarray, dataset: Dataset, form: PixelFormat) -> UsedBits:
    padding = number(dataset, "PixelPaddingValue")
    syntax = UID(text(dataset.file_meta, "TransferSyntaxUID"))
    layout = Layout(
        bits=min(form.bits_stored, 8 * values.itemsize),
        high=min(form.high_bit, 8 * values.itemsize - 1),
        signed=form.signed,
        padding=None if padding is None else int(padding),
        compressed=syntax.is_encapsulated and syntax != RLELossless,
    )
    return used_bits(values, layout)
