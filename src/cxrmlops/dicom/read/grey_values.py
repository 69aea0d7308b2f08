"""
Stored values -> displayed grey, as one table per film (PS3.3 C.11.1, C.11.2, C.11.6).

A film has at most 2^16 different stored values. What a viewer does to each of them is
written into a table once; the picture is then one look-up per pixel. The order is
modality LUT, VOI LUT or window, inversion last. Scaling goes by the range of the
window or LUT, never by what one film happens to hold, so a film and its negative give
the same picture.
"""

import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from cxrmlops.dicom.read.attributes import items, number, numbers, text
from cxrmlops.dicom.read.look_up_table import LookUpTable, read_table
from cxrmlops.system.errors import Rejected

PERCENTILES = (0.5, 99.5)
DIGITS = 7  # of grey, what float32 holds
MIN_INSIDE = 0.01  # fraction of pixels that a usable window does not clip
_FEW = 8  # rows of which one is looked at first
_BAND = 1 << 20  # pixels counted or looked up at a time
_MAX_RESCALE = 1e9  # films have 1 or so; beyond it floating-point numbers run out


def bands(pixels: np.ndarray) -> list[slice]:
    """Cut a picture into bands of rows: numpy widens what it works on to 8 bytes."""
    rows, columns = pixels.shape
    height = max(1, _BAND // columns)
    return [slice(top, top + height) for top in range(0, rows, height)]


class PixelCounts:
    """How many pixels have each stored value; counted when asked for."""

    def __init__(self, at: np.ndarray, size: int) -> None:
        """Keep what is to be counted.

        Args:
            at: shape (rows, columns), integers from 0 to size - 1.
            size: stored values that the film's bits allow.
        """
        self.pixels, self.size, self._at = at.size, size, at

    def few(self) -> np.ndarray:
        """Count every n-th row only: shape (size,)."""
        return self._count(self._at[::_FEW])

    def all(self) -> np.ndarray:
        """Count every pixel: shape (size,)."""
        return np.sum([self._count(self._at[rows]) for rows in bands(self._at)], axis=0)

    def _count(self, at: np.ndarray) -> np.ndarray:
        return np.bincount(at.ravel(), minlength=self.size)


@dataclass(frozen=True)
class GreyTable:
    """Displayed grey of every stored value that the film's bits allow."""

    lowest: int  # stored value of the first entry
    grey: np.ndarray  # shape (2**bits_stored,), float32, 0 darkest to 1 brightest
    voi: str  # window, lut, percentile or full_scale
    notes: tuple[str, ...]  # what the header says otherwise, and what was made of it


def grey_table(dataset: Dataset, counts: PixelCounts, lowest: int) -> GreyTable:
    """Work out the grey of every stored value.

    Args:
        dataset: the film's header.
        counts: pixels of each stored value, 2**bits_stored of them.
        lowest: stored value of the first entry, negative for signed films.

    Raises:
        Rejected: `undecodable` (modality LUT or rescale makes no sense) or `blank`
            (it makes all values alike).
    """
    stored = np.arange(lowest, lowest + counts.size, dtype=np.float64)
    padding = _padding(dataset, lowest, counts.size)
    notes: list[str] = []
    values = _modality(dataset, stored, notes)
    grey, voi = _voi(dataset, values, counts, padding, notes)
    grey = grey.round(DIGITS)  # a negative's arithmetic differs in the last digits
    if is_inverted(dataset):
        grey = (1 - grey).round(DIGITS)
    grey[padding] = 0  # no image there: black like the world outside the film
    return GreyTable(lowest, grey.astype(np.float32), voi, tuple(notes))


def full_scale(bits: int) -> np.ndarray:
    """Return the grey of values that use all their bits: shape (2**bits,), float32."""
    return np.linspace(0, 1, 1 << bits).round(DIGITS).astype(np.float32)


def is_inverted(dataset: Dataset) -> bool:
    """Return whether low values are bright; MONOCHROME1 and INVERSE say the same."""
    negative = text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1"
    return negative or text(dataset, "PresentationLUTShape").upper() == "INVERSE"


def _padding(dataset: Dataset, lowest: int, size: int) -> np.ndarray:
    """Mark stored values that mean "no pixel" (PS3.3 C.7.5.1.1.2)."""
    padded = np.zeros(size, dtype=bool)
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return padded
    last = number(dataset, "PixelPaddingRangeLimit")
    ends = [
        _as_stored(end, lowest, size)
        for end in (first, first if last is None else last)
    ]
    at, end = min(ends) - lowest, max(ends) - lowest
    padded[max(at, 0) : max(end + 1, 0)] = True
    return padded


def _as_stored(value: float, lowest: int, size: int) -> int:
    """Read US as SS where the film is signed: writers mix them up."""
    signed = lowest < 0 and value >= lowest + size
    return int(value) - (1 << 16) if signed else int(value)


def _modality(dataset: Dataset, stored: np.ndarray, notes: list[str]) -> np.ndarray:
    table = _first_table(dataset, "ModalityLUTSequence", stored, notes)
    if table is not None:
        return table.entries(stored)
    if _is_stated(dataset, "ModalityLUTSequence"):
        raise Rejected("undecodable", "Modality LUT without usable data")
    slope, intercept = (
        number(dataset, "RescaleSlope"),
        number(dataset, "RescaleIntercept"),
    )
    if slope == 0:
        raise Rejected("blank", "RescaleSlope is 0")
    if max(abs(slope or 1), abs(intercept or 0)) > _MAX_RESCALE:
        raise Rejected("undecodable", "RescaleSlope or RescaleIntercept out of range")
    return stored * (1 if slope is None else slope) + (intercept or 0)


def _first_table(
    dataset: Dataset, keyword: str, values: np.ndarray, notes: list[str]
) -> LookUpTable | None:
    """Read the first item of a LUT sequence; None: there is none to use."""
    item = next(items(dataset, keyword), None)
    if item is None:
        return None
    meta: Dataset = getattr(dataset, "file_meta", Dataset())
    table = read_table(
        item,
        signed=float(values.min()) < 0,
        big_endian=text(meta, "TransferSyntaxUID") == ExplicitVRBigEndian,
        name="VOI LUT" if keyword == "VOILUTSequence" else "Modality LUT",
    )
    notes += table.notes if table else ()
    return table


def _is_stated(dataset: Dataset, keyword: str) -> bool:
    """Tell a sequence that is there, readable or not, from one absent or empty."""
    return keyword in dataset and not dataset[keyword].is_empty


def _voi(
    dataset: Dataset,
    values: np.ndarray,
    counts: PixelCounts,
    padding: np.ndarray,
    notes: list[str],
) -> tuple[np.ndarray, str]:
    """Choose the first usable: LUT, window, percentiles. Give grey and its name."""
    table = _first_table(dataset, "VOILUTSequence", values, notes)
    if table is not None:
        white = table.white
        if white != (1 << table.bits) - 1:
            said = f"{table.bits} bits, its highest entry is {white:g}"
            notes.append(f"VOI LUT announces {said}: that is white")
        return table.entries(values) / white, "lut"
    if _is_stated(dataset, "VOILUTSequence"):
        notes.append("VOI LUT without usable data is left out")
    window = _window(dataset, notes)
    if window is not None:
        grey = _through(values, *window)
        inside = (grey > 0) & (grey < 1) & ~padding
        # A few rows hold enough of it, mostly: then all rows do, and need no counting
        if counts.few()[inside].sum() >= MIN_INSIDE * counts.pixels:
            return grey, "window"
    image = np.where(padding, 0, counts.all())
    if window is not None and not _shows_nothing(grey, values, image, width=window[1]):
        return grey, "window"
    if window is not None:
        notes.append("the window clips the whole film and is left out")
    return stretched(values, image), "percentile"


def stretched(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spread what lies between the film's percentiles over black to white.

    Args:
        values: shape (n,).
        counts: shape (n,), pixels that have each value.

    Returns:
        Grey 0-1 of each value.

    Raises:
        Rejected: `blank`: all pixels are alike.
    """
    low, high = _percentiles(values, counts)
    if not high > low:
        raise Rejected("blank", "all pixels are alike")
    return np.clip((values - low) / (high - low), 0, 1)


def _window(dataset: Dataset, notes: list[str]) -> tuple[float, float, str] | None:
    """Return centre, width and function of the first window that is one."""
    kind = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    least = 1.0 if kind == "LINEAR" else 0.0  # PS3.3 C.11.2.1.2.1
    centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    pairs = zip(centres, widths, strict=False)
    for place, (centre, width) in enumerate(pairs):
        if math.isfinite(centre) and width > 0 and width >= least:
            if place:
                notes.append(f"window {place + 1} is used, the one before is none")
            return centre, width, kind
    if _is_stated(dataset, "WindowCenter") or _is_stated(dataset, "WindowWidth"):
        notes.append("the window stated is none and is left out")
    return None


def _through(values: np.ndarray, centre: float, width: float, kind: str) -> np.ndarray:
    """Apply a window (PS3.3 C.11.2.1.2, C.11.2.1.3): grey 0-1."""
    with np.errstate(over="ignore"):  # of absurd windows; what is infinite is clipped
        return _windowed(values, centre, width, kind)


def _windowed(values: np.ndarray, centre: float, width: float, kind: str) -> np.ndarray:
    if kind == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -700, 700)
        return 1 / (1 + np.exp(exponent))
    if kind == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _shows_nothing(
    grey: np.ndarray, values: np.ndarray, counts: np.ndarray, *, width: float
) -> bool:
    """Tell a window that is of another picture: it clips a film full of contrast."""
    total = counts.sum()
    inside = counts[(grey > 0) & (grey < 1)].sum()
    if total == 0 or inside >= MIN_INSIDE * total:
        return False
    low, high = _percentiles(values, counts)
    return high - low > width


def _percentiles(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Percentiles of the film's pixels, from how often each value occurs."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(counts[order])
    if ends[-1] == 0:
        return math.nan, math.nan
    ranks = np.array(PERCENTILES) / 100 * (ends[-1] - 1)
    below, above = np.floor(ranks), np.ceil(ranks)
    first = values[order][np.searchsorted(ends, below, side="right")]
    second = values[order][np.searchsorted(ends, above, side="right")]
    low, high = first + (ranks - below) * (second - first)
    return float(low), float(high)
