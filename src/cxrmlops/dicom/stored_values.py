"""
Pixel Data -> stored values, after a look at everything that could go wrong.

What header and codestream say is checked before a decoder runs (PS3.3 C.7.6.3, PS3.5
8): a decoder believes what it is told.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from cxrmlops.dicom.attributes import COLOUR, GREY, text, whole_number
from cxrmlops.dicom.codestream import check_codestream
from cxrmlops.dicom.headers import Limits, foreign
from cxrmlops.dicom.jpeg_lossless import SYNTAXES as LOSSLESS
from cxrmlops.dicom.jpeg_lossless import decode_lossless
from cxrmlops.errors import Rejected

_MAX_FRAGMENTS = 10_000  # of a compressed frame; parsing more would take minutes
_ITEM = b"\xfe\xff\x00\xe0"

# One decoder per transfer syntax: where several could, they agree, and gdcm is slower.
_DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",  # 8 bits only; nothing here decodes 12
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

    @property
    def lowest(self) -> int:
        """Lowest stored value: 0, or negative for signed pixels."""
        return -(1 << (self.bits_stored - 1)) if self.signed else 0

    @property
    def shape(self) -> dict[str, int]:
        """Rows, columns and samples, by name."""
        return {"rows": self.rows, "columns": self.columns, "samples": self.samples}

    @property
    def bits(self) -> dict[str, int]:
        """Bits allocated and stored, by name."""
        return {
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
        }


def pixel_format(dataset: Dataset, limits: Limits) -> PixelFormat:
    """Check what the header says of the pixels, before any of them is touched.

    Raises:
        Rejected: `not_an_image`, `multi_frame`, `not_grayscale`, `too_large` or
            `undecodable`.
    """
    if "PixelData" not in dataset:
        raise Rejected("not_an_image", "no Pixel Data")
    if whole_number(dataset, "NumberOfFrames", 1) > 1:
        raise Rejected("multi_frame", "NumberOfFrames is above 1")
    bits_stored = whole_number(dataset, "BitsStored")
    form = PixelFormat(
        rows=whole_number(dataset, "Rows"),
        columns=whole_number(dataset, "Columns"),
        samples=whole_number(dataset, "SamplesPerPixel", 1),
        bits_allocated=whole_number(dataset, "BitsAllocated"),
        bits_stored=bits_stored,
        high_bit=whole_number(dataset, "HighBit", bits_stored - 1),
        signed=whole_number(dataset, "PixelRepresentation") == 1,
        photometric_interpretation=text(dataset, "PhotometricInterpretation").upper(),
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


def decode(dataset: Dataset, form: PixelFormat) -> np.ndarray:
    """Decode the only frame.

    Returns:
        Stored values, shape (rows, columns) or (rows, columns, 3), integers of 8 or 16
        bits: signed as the header says, without bits beyond the stored ones.

    Raises:
        Rejected: `undecodable`.
    """
    with foreign("undecodable", "decoding"):
        syntax = UID(text(dataset.file_meta, "TransferSyntaxUID"))
        if not syntax.is_encapsulated:
            _check_length(dataset, form)
            values = _by_pydicom(dataset, syntax)
        else:
            frame = _frame(dataset)
            check_codestream(frame, syntax, **form.shape)
            values = (
                decode_lossless(frame, **form.shape, **form.bits)
                if syntax in LOSSLESS
                else _by_pydicom(dataset, syntax)
            )
    if values.shape[:2] != (form.rows, form.columns) or values.itemsize > 2:
        raise Rejected("undecodable", "decoded to another shape than the header says")
    return _mask(values.astype(values.dtype.newbyteorder("="), copy=False), form)


def _check_bits(form: PixelFormat) -> None:
    fits = 1 <= form.bits_stored <= form.high_bit + 1 <= form.bits_allocated
    if form.bits_allocated not in (8, 16) or not fits:
        said = f"{form.bits_allocated}, {form.bits_stored}, {form.high_bit}"
        raise Rejected("undecodable", f"bits allocated, stored, high bit: {said}")


def _frame(dataset: Dataset) -> bytes:
    if dataset.PixelData.count(_ITEM) > _MAX_FRAGMENTS:
        raise Rejected("undecodable", f"more than {_MAX_FRAGMENTS} fragments")
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def _by_pydicom(dataset: Dataset, syntax: UID) -> np.ndarray:
    values, _ = get_decoder(syntax).as_array(
        dataset,
        index=0,
        correct_unused_bits=False,
        decoding_plugin=_DECODERS.get(syntax, ""),
    )
    return values


def _check_length(dataset: Dataset, form: PixelFormat) -> None:
    """Refuse pixels enough for a second frame: the header is of another picture."""
    size = form.rows * form.columns * form.samples * form.bits_allocated // 8
    if len(dataset.PixelData) >= 2 * size:
        raise Rejected("undecodable", "twice the pixels that the header announces")


def _mask(values: np.ndarray, form: PixelFormat) -> np.ndarray:
    """Keep BitsStored bits up to HighBit; older files keep overlays in the others."""
    width = 8 * values.itemsize
    kind = np.dtype(f"{'i' if form.signed else 'u'}{values.itemsize}")
    above = max(width - 1 - form.high_bit, 0)
    if above == 0 and form.bits_stored >= width:
        return values.view(kind)
    return (values.view(kind) << above) >> (width - form.bits_stored)
