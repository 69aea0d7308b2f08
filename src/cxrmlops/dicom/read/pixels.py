"""
A film's pixels as a reader sees them: the one way for training and scoring alike.

Stored values -> grey table (`grey_values`) -> float32 0-1, upright, square pixels.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import numbers, text
from cxrmlops.dicom.read.grey_values import (
    MIN_INSIDE,
    PERCENTILES,
    GreyTable,
    PixelCounts,
    bands,
    full_scale,
    grey_table,
)
from cxrmlops.dicom.read.headers import read_whole
from cxrmlops.dicom.read.orientation import turn_upright
from cxrmlops.dicom.read.source import LIMITS, Limits
from cxrmlops.dicom.read.stored_values import StoredValues, decode, pixel_format
from cxrmlops.system.errors import Rejected

_DECIMALS = (  # DS, where a decimal comma may stand
    *("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"),
    *("ImagerPixelSpacing", "PixelSpacing"),
)
GREY_TOLERANCE = 3  # of 255: colour channels so alike are grey; lossy colour rounds
SQUARE_TOLERANCE = 0.01  # pixels so nearly square stay as they are
MAX_PIXEL_ASPECT = 4.0

# What the picture depends on. A change makes models trained before unusable: the hash
# of it travels with the model.
PIXEL_POLICY = {
    "version": 2,
    "order": "modality, voi, inversion, turn",
    "bits": "BitsStored; more where the values are a film only with them",
    "lut": "as announced; white is the highest entry where none uses the upper bits",
    "upright": "by PatientOrientation",
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
    # What in the file was wrong or unusual, and what was made of it: plain sentences
    notes: tuple[str, ...] = ()


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
        tolerance = colour_tolerance(stored.bits)
        grey = one_channel(stored.values, tolerance=tolerance)
        stored = replace(stored, values=grey)
    image, voi, notes = _picture_values(stored, dataset, colour=form.samples == 3)
    aspect, said = _pixel_aspect(dataset)
    if any("," in text(dataset, keyword) for keyword in _DECIMALS):
        said += ("decimal commas are read as points",)
    turn = turn_upright(dataset)
    if turn:
        said += ("turned upright as PatientOrientation says",)
    return Picture(
        image=turn.apply(_square_pixels(image, aspect, limits)),
        voi=voi,
        pixel_hash=pixel_hash(stored.values),
        bits_stored=stored.bits,
        photometric_interpretation=form.photometric_interpretation,
        notes=(*stored.notes, *notes, *said),
    )


def one_channel(values: np.ndarray, *, tolerance: int) -> np.ndarray:
    """Return the one channel of a grey picture stored as colour.

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
    stored: StoredValues, dataset: Dataset, *, colour: bool
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Look every stored value up in the film's grey table."""
    size, lowest = 1 << stored.bits, stored.lowest
    # as positions in the table: 0 for the lowest value
    at = stored.values
    if lowest:
        at = (at.astype(np.int32) - lowest).astype(np.uint16)
    table = (
        GreyTable(lowest, full_scale(stored.bits), "full_scale", ())
        if colour
        else grey_table(dataset, PixelCounts(at, size), lowest)
    )
    image = np.empty(at.shape, np.float32)
    for rows in bands(at):  # twice as fast as [at]
        np.take(table.grey, at[rows], out=image[rows], mode="clip")
    return image, table.voi, table.notes


def _pixel_aspect(dataset: Dataset) -> tuple[float, tuple[str, ...]]:
    """Return the height of a pixel over its width, and what is odd about it.

    PS3.3 C.7.6.3.1.7. Where nothing is said pixels are square; zeros say nothing.
    """
    notes: tuple[str, ...] = ()
    for keyword in ("PixelAspectRatio", "ImagerPixelSpacing", "PixelSpacing"):
        sides = numbers(dataset, keyword)
        if len(sides) == 2 and all(side > 0 for side in sides):
            return sides[0] / sides[1], notes
        if any(side != 0 for side in sides):
            notes += (f"{keyword} holds no two sizes and is left out",)
    return 1.0, notes


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
