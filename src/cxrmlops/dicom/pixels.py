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

from cxrmlops.dicom.attributes import numbers
from cxrmlops.dicom.grey_values import (
    MIN_INSIDE,
    PERCENTILES,
    PixelCounts,
    bands,
    full_scale,
    grey_table,
)
from cxrmlops.dicom.headers import LIMITS, Limits, read_whole
from cxrmlops.dicom.stored_values import PixelFormat, decode, pixel_format
from cxrmlops.errors import Rejected

GREY_TOLERANCE = 3  # of 255: colour channels so alike are grey; lossy colour rounds
SQUARE_TOLERANCE = 0.01  # pixels so nearly square stay as they are
MAX_PIXEL_ASPECT = 4.0

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
    form = pixel_format(dataset, limits)
    stored = decode(dataset, form)
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


def _picture_values(
    stored: np.ndarray, dataset: Dataset, form: PixelFormat
) -> tuple[np.ndarray, str]:
    """Look every stored value up in the film's grey table."""
    size = 1 << form.bits_stored
    lowest = form.lowest
    # as positions in the table: 0 for the lowest value
    at = (stored.astype(np.int32) - lowest).astype(np.uint16) if lowest else stored
    if form.samples == 3:
        grey, voi = full_scale(form.bits_stored), "full_scale"
    else:
        table = grey_table(dataset, PixelCounts(at, size), lowest)
        grey, voi = table.grey, table.voi
    image = np.empty(at.shape, np.float32)
    for rows in bands(at):
        np.take(grey, at[rows], out=image[rows], mode="clip")  # twice as fast as [at]
    return image, voi


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
