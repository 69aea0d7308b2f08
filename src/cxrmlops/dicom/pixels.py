"""
A film's pixels as a reader sees them: the one way for training and scoring alike.

Stored values -> grey table (`grey_values`) -> float32 0-1 with square pixels.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
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

from cxrmlops.dicom.attributes import numbers, text, whole_number
from cxrmlops.dicom.codestream import check_codestream
from cxrmlops.dicom.grey_values import (
    MIN_INSIDE,
    PERCENTILES,
    full_scale,
    grey_table,
)
from cxrmlops.dicom.headers import LIMITS, Limits, foreign, read_whole
from cxrmlops.dicom.jpeg_lossless import SYNTAXES as LOSSLESS
from cxrmlops.dicom.jpeg_lossless import decode_lossless
from cxrmlops.errors import Rejected

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")  # may be grey

GREY_TOLERANCE = 3  # of 255: colour channels so alike are grey; lossy colour rounds
SQUARE_TOLERANCE = 0.01  # pixels so nearly square stay as they are
MAX_PIXEL_ASPECT = 4.0

# One decoder per transfer syntax: where several could, they agree, and gdcm is slower.
_DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",  # 8 bits only; nothing here decodes 12
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}

# What the picture depends on. A change makes models trained before unusable: the hash
# of it travels with the model.
PIXEL_POLICY = {
    "version": 1,
    "order": "modality, voi, inversion",
    "voi": "first of VOI LUT, window, percentiles",
    "window_functions": ["LINEAR", "LINEAR_EXACT", "SIGMOID"],
    "percentiles": list(PERCENTILES),
    "window_unusable_below_inside": MIN_INSIDE,
    "scale": "range of window or LUT",
    "inverted": "MONOCHROME1 or PresentationLUTShape INVERSE, once",
    "padding": "black, outside percentiles",
    "colour": f"grey within {GREY_TOLERANCE}/255, full scale",
    "square_pixels": SQUARE_TOLERANCE,
}


@dataclass(frozen=True)
class Picture:
    """A film as it is looked at."""

    image: np.ndarray  # (rows, columns), float32, 0 darkest to 1 brightest, square
    voi: str  # where the contrast came from: window, lut, percentile, full_scale
    pixel_hash: str  # SHA-256 of the stored values and their shape
    bits_stored: int
    photometric_interpretation: str


@dataclass(frozen=True)
class _Format:
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric_interpretation: str

    @property
    def shape(self) -> dict[str, int]:
        return {"rows": self.rows, "columns": self.columns, "samples": self.samples}

    @property
    def bits(self) -> dict[str, int]:
        return {
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
        }


def display_picture(source: Path | Dataset, *, limits: Limits = LIMITS) -> Picture:
    """Render a film the way a viewer would.

    Args:
        source: a DICOM file, or a dataset with Pixel Data and file_meta.
        limits: what the file may cost.

    Raises:
        Rejected: `unreadable`, `too_large`, `not_dicom`, `not_an_image`,
            `multi_frame`, `not_grayscale`, `undecodable` or `blank`.
    """
    dataset = (
        source if isinstance(source, Dataset) else read_whole(source, limits=limits)
    )
    form = _format(dataset, limits)
    stored = _decode(dataset, form)
    if form.samples == 3:
        stored = one_channel(stored, tolerance=colour_tolerance(form.bits_stored))
    image, voi = _picture_values(stored, dataset, form)
    return Picture(
        image=_square_pixels(image, _pixel_aspect(dataset), limits),
        voi=voi,
        pixel_hash=pixel_hash(stored),
        bits_stored=form.bits_stored,
        photometric_interpretation=form.photometric_interpretation,
    )


def one_channel(values: np.ndarray, *, tolerance: int) -> np.ndarray:
    """Give the one channel of a grey picture stored as colour.

    Args:
        values: shape (rows, columns, 3), unsigned.
        tolerance: channels that differ by at most so much are alike.

    Raises:
        Rejected: `not_grayscale`.
    """
    low = np.minimum(np.minimum(values[..., 0], values[..., 1]), values[..., 2])
    high = np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
    if int((high - low).max(initial=0)) > tolerance:
        raise Rejected("not_grayscale", "the colour channels differ")
    return np.ascontiguousarray(values[..., 1])


def colour_tolerance(bits: int) -> int:
    """Scale GREY_TOLERANCE to values of so many bits."""
    return GREY_TOLERANCE << max(bits - 8, 0)


def pixel_hash(stored: np.ndarray) -> str:
    """Hash stored values: equal for equal pixels, however they were encoded.

    Args:
        stored: shape (rows, columns), integers of at most 16 bits.

    Returns:
        SHA-256 of rows, columns and the values as 16-bit little endian: 64 hex digits.
    """
    wide = "<i2" if stored.dtype.kind == "i" else "<u2"
    digest = hashlib.sha256(f"{stored.shape[0]} {stored.shape[1]} ".encode())
    digest.update(np.ascontiguousarray(stored, dtype=wide).data)
    return digest.hexdigest()


def _format(dataset: Dataset, limits: Limits) -> _Format:
    """Check what the header says of the pixels, before any of them is touched."""
    if "PixelData" not in dataset:
        raise Rejected("not_an_image", "no Pixel Data")
    if whole_number(dataset, "NumberOfFrames", 1) > 1:
        raise Rejected("multi_frame", "NumberOfFrames is above 1")
    bits_stored = whole_number(dataset, "BitsStored")
    form = _Format(
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


def _check_bits(form: _Format) -> None:
    fits = 1 <= form.bits_stored <= form.high_bit + 1 <= form.bits_allocated
    if form.bits_allocated not in (8, 16) or not fits:
        said = f"{form.bits_allocated}, {form.bits_stored}, {form.high_bit}"
        raise Rejected("undecodable", f"bits allocated, stored, high bit: {said}")


def _decode(dataset: Dataset, form: _Format) -> np.ndarray:
    """Decode to stored values: shape (rows, columns) or (rows, columns, 3)."""
    with foreign("undecodable", "decoding"):
        syntax = UID(text(dataset.file_meta, "TransferSyntaxUID"))
        if not syntax.is_encapsulated:
            _check_length(dataset, form)
            values = _by_pydicom(dataset, syntax)
        else:
            frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
            check_codestream(frame, syntax, **form.shape)
            values = (
                decode_lossless(frame, **form.shape, **form.bits)
                if syntax in LOSSLESS
                else _by_pydicom(dataset, syntax)
            )
    if values.shape[:2] != (form.rows, form.columns) or values.itemsize > 2:
        raise Rejected("undecodable", "decoded to another shape than the header says")
    return _mask(values.astype(values.dtype.newbyteorder("="), copy=False), form)


def _by_pydicom(dataset: Dataset, syntax: UID) -> np.ndarray:
    values, _ = get_decoder(syntax).as_array(
        dataset,
        index=0,
        correct_unused_bits=False,
        decoding_plugin=_DECODERS.get(syntax, ""),
    )
    return values


def _check_length(dataset: Dataset, form: _Format) -> None:
    """Refuse pixels enough for a second frame: the header is of another picture."""
    size = form.rows * form.columns * form.samples * form.bits_allocated // 8
    if len(dataset.PixelData) >= 2 * size:
        raise Rejected("undecodable", "twice the pixels that the header announces")


def _mask(values: np.ndarray, form: _Format) -> np.ndarray:
    """Keep BitsStored bits up to HighBit; older files keep overlays in the others."""
    width = 8 * values.itemsize
    kind = np.dtype(f"{'i' if form.signed else 'u'}{values.itemsize}")
    above = max(width - 1 - form.high_bit, 0)
    if above == 0 and form.bits_stored >= width:
        return values.view(kind)
    return (values.view(kind) << above) >> (width - form.bits_stored)


def _picture_values(
    stored: np.ndarray, dataset: Dataset, form: _Format
) -> tuple[np.ndarray, str]:
    """Look every stored value up in the film's grey table."""
    size = 1 << form.bits_stored
    lowest = -(size >> 1) if form.signed else 0
    # as positions in the table: 0 for the lowest value
    at = (stored.astype(np.int32) - lowest).astype(np.uint16) if lowest else stored
    if form.samples == 3:
        return full_scale(form.bits_stored)[at], "full_scale"
    table = grey_table(dataset, np.bincount(at.reshape(-1), minlength=size), lowest)
    return table.grey[at], table.voi


def _pixel_aspect(dataset: Dataset) -> float:
    """Height of a pixel over its width (PS3.3 C.7.6.3.1.7); 1 where nothing is said."""
    for keyword in ("PixelAspectRatio", "ImagerPixelSpacing", "PixelSpacing"):
        sides = numbers(dataset, keyword)
        if len(sides) == 2 and min(sides) > 0:
            return sides[0] / sides[1]
    return 1.0


def _square_pixels(image: np.ndarray, aspect: float, limits: Limits) -> np.ndarray:
    """Resample the coarser direction, so that nothing of the finer one is lost."""
    if abs(aspect - 1) <= SQUARE_TOLERANCE:
        return image
    if not 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT:
        raise Rejected("undecodable", "pixels more than four times as long as wide")
    rows, columns = image.shape
    size = round(columns / min(aspect, 1)), round(rows * max(aspect, 1))
    if size[0] * size[1] > limits.max_pixels:
        raise Rejected("too_large", f"{size[1]} x {size[0]} pixels once square")
    made = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    return np.array(made)
