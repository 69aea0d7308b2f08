"""Plain values out of a dataset, whatever the sender wrote into it."""

import datetime as dt
import math
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from cxrmlops.system import clock
from cxrmlops.system.errors import Rejected

# PhotometricInterpretation (PS3.3 C.7.6.3.1.2) of films, and of grey films in colour
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")

# What the picture depends on: one that is there but cannot be read is no default
PICTURE_ATTRIBUTES = frozenset(
    (
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated"),
        *("BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration"),
        *("PhotometricInterpretation", "PresentationLUTShape", "PatientOrientation"),
        *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope"),
        *("RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction"),
        *("ModalityLUTSequence", "VOILUTSequence", "LUTDescriptor", "LUTData"),
        *("PixelAspectRatio", "ImagerPixelSpacing", "PixelSpacing"),
    )
)

_NOT_A_WORD = re.compile(r"[\W_]+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_EMPTY_PARTS = re.compile(r"[.\-/ ]")  # ACR-NEMA wrote 1995.07.20
FIRST_XRAY = dt.date(1895, 11, 8)
_IMAGE_DATES = (
    *("StudyDate", "AcquisitionDate", "AcquisitionDateTime", "SeriesDate"),
    *("ContentDate", "PerformedProcedureStepStartDate"),
)


def text(dataset: Dataset, keyword: str) -> str:
    """Return the attribute as text without padding; several values joined by a \\.

    What no table or database can hold is left out: zero bytes, halves of surrogates.
    """
    value = dataset.get(keyword)
    if value is None:
        return ""
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    joined = "\\".join(str(one) for one in values).replace("\0", "")
    return joined.encode("utf-8", "ignore").decode().strip()


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """Return each value of the attribute, upper case, without padding."""
    return [part.strip() for part in text(dataset, keyword).upper().split("\\")]


def words(dataset: Dataset, *keywords: str) -> str:
    """Join the attributes' words: upper case, one blank around each.

    `" PA "` in it is then a word, not a part of one.
    """
    joined = " ".join(text(dataset, keyword) for keyword in keywords)
    return f" {_NOT_A_WORD.sub(' ', joined.upper()).strip()} "


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return the attribute's values as finite numbers; NaN for an empty one.

    A number that cannot be read never becomes a default: nobody knows what it meant.

    Raises:
        Rejected: `undecodable`: a value is no number, or could be two different ones.
    """
    if not (said := text(dataset, keyword)):
        return []
    found = [_number(part.strip()) for part in said.split("\\")]
    if None in found:
        raise Rejected(
            "undecodable",
            f"{keyword} holds no number that can be read; correct it at its source",
        )
    return [value for value in found if value is not None]


def _number(said: str) -> float | None:
    """Read one number; None for what is none.

    Quirk: some systems write the decimal sign of their country, "0,5". A DS has no sign
    for thousands (PS3.5 6.2), but "1,500" may have been meant so: that is no number.
    """
    if not said:
        return math.nan
    if _DECIMAL_COMMA.fullmatch(said) and not _THOUSANDS.fullmatch(said):
        said = said.replace(",", ".")
    try:
        value = float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in said else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the attribute's first value; None: it is absent or empty.

    Raises:
        Rejected: `undecodable`: it is no number.
    """
    value = next(iter(numbers(dataset, keyword)), math.nan)
    return value if math.isfinite(value) else None


def whole_number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """Return the attribute's first value as an integer; `default`: absent or empty.

    Raises:
        Rejected: `undecodable`: it is no number, or not a whole one.
    """
    value = number(dataset, keyword)
    if value is not None and value != int(value):
        raise Rejected("undecodable", f"{keyword} is not a whole number")
    return default if value is None else int(value)


def shown_number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """Return a whole number that no pixel depends on; `default`: there is none."""
    try:
        return whole_number(dataset, keyword, default)
    except Rejected:
        return default


def items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    """Go over the items of a sequence; no sequence has none."""
    value = dataset.get(keyword)
    if isinstance(value, Sequence):
        yield from value


def coded(dataset: Dataset, *keywords: str) -> list[tuple[str, str]]:
    """Return code value and meaning (upper case) of every coded item."""
    return [
        (text(item, "CodeValue"), words(item, "CodeMeaning").strip())
        for keyword in keywords
        for item in items(dataset, keyword)
    ]


def date(dataset: Dataset, keyword: str) -> dt.date | None:
    """Read the day of a DA or DT value; ACR-NEMA dots are fine, no such day is none."""
    return day_of(text(dataset, keyword))


def day_of(said: str) -> dt.date | None:
    """Read the day that a text begins with, year first: 20170601, 2017.06.01."""
    digits = _EMPTY_PARTS.sub("", said)[:8]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def image_dates(dataset: Dataset, *, latest: dt.date | None = None) -> list[dt.date]:
    """Return the days that the header names for a film, that of the study first.

    A day before there were X-rays (1 January of the year 1 is what .NET writes for
    none) or in the future is no day of a film.

    Args:
        dataset: header of the film.
        latest: last day to believe; None: tomorrow, for clocks run ahead and the day
            has begun elsewhere.
    """
    latest = latest or clock.now("UTC").date() + dt.timedelta(days=1)
    days = (date(dataset, keyword) for keyword in _IMAGE_DATES)
    return [day for day in days if day and FIRST_XRAY <= day <= latest]


def study_date(dataset: Dataset, *, latest: dt.date | None = None) -> dt.date | None:
    """Return the day of the study, else the next that `image_dates` knows."""
    return next(iter(image_dates(dataset, latest=latest)), None)
