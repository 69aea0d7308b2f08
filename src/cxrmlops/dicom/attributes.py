"""Plain values out of a dataset, whatever the sender wrote into it."""

import datetime as dt
import math
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from cxrmlops import clock

# PhotometricInterpretation (PS3.3 C.7.6.3.1.2) of films, and of grey films in colour
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")

_NOT_A_WORD = re.compile(r"[\W_]+")
_EMPTY_PARTS = re.compile(r"[.\-/ ]")  # ACR-NEMA wrote 1995.07.20
FIRST_XRAY = dt.date(1895, 11, 8)
_FILM_DATES = (
    *("StudyDate", "AcquisitionDate", "AcquisitionDateTime", "SeriesDate"),
    *("ContentDate", "PerformedProcedureStepStartDate"),
)


def text(dataset: Dataset, keyword: str) -> str:
    """Give the attribute as text without padding; several values joined by a \\.

    What no table or database can hold is left out: zero bytes, halves of surrogates.
    """
    value = dataset.get(keyword)
    if value is None:
        return ""
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    joined = "\\".join(str(one) for one in values).replace("\0", "")
    return joined.encode("utf-8", "ignore").decode().strip()


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """Give each value of the attribute, upper case, without padding."""
    return [part.strip() for part in text(dataset, keyword).upper().split("\\")]


def words(dataset: Dataset, *keywords: str) -> str:
    """Join the attributes' words: upper case, one blank around each.

    `" PA "` in it is then a word, not a part of one.
    """
    joined = " ".join(text(dataset, keyword) for keyword in keywords)
    return f" {_NOT_A_WORD.sub(' ', joined.upper()).strip()} "


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Give the attribute's values as finite numbers; one that is none ends the list."""
    found = []
    for part in text(dataset, keyword).split("\\"):
        try:
            number = float(part)
        except ValueError:
            break
        if not math.isfinite(number):
            break
        found.append(number)
    return found


def number(dataset: Dataset, keyword: str) -> float | None:
    """Give the attribute's first value as a finite number, if it is one."""
    return next(iter(numbers(dataset, keyword)), None)


def whole_number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """Give the attribute's first value as an integer, else `default`."""
    value = number(dataset, keyword)
    return default if value is None else int(value)


def items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    """Go over the items of a sequence; no sequence has none."""
    value = dataset.get(keyword)
    if isinstance(value, Sequence):
        yield from value


def coded(dataset: Dataset, *keywords: str) -> list[tuple[str, str]]:
    """Give code value and meaning (upper case) of every coded item."""
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


def film_dates(dataset: Dataset, *, latest: dt.date | None = None) -> list[dt.date]:
    """Give the days that the header names for a film, that of the study first.

    A day before there were X-rays (1 January of the year 1 is what .NET writes for
    none) or in the future is no day of a film.

    Args:
        dataset: header of the film.
        latest: last day to believe; None: tomorrow, for clocks run ahead and the day
            has begun elsewhere.
    """
    latest = latest or clock.now("UTC").date() + dt.timedelta(days=1)
    days = (date(dataset, keyword) for keyword in _FILM_DATES)
    return [day for day in days if day and FIRST_XRAY <= day <= latest]


def study_date(dataset: Dataset, *, latest: dt.date | None = None) -> dt.date | None:
    """Give the day of the study, else the next that `film_dates` knows."""
    return next(iter(film_dates(dataset, latest=latest)), None)
