"""Plain values out of a dataset, whatever the sender wrote into it."""

import datetime as dt
import math
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

# PhotometricInterpretation (PS3.3 C.7.6.3.1.2) of films, and of grey films in colour
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")

_NOT_A_WORD = re.compile(r"[\W_]+")
_EMPTY_PARTS = re.compile(r"[.\-/ ]")  # ACR-NEMA wrote 1995.07.20
_AGE = re.compile(r"(\d{1,4})\s*([DWMY]?)", re.IGNORECASE)
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0, "": 1.0}
OLDEST_YEARS = 130.0  # beyond: a typing error


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
    """Read a DA value; ACR-NEMA dots are fine, an impossible day is none."""
    digits = _EMPTY_PARTS.sub("", text(dataset, keyword))[:8]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def study_date(dataset: Dataset) -> dt.date | None:
    """Give the day of the study, else of the acquisition."""
    return date(dataset, "StudyDate") or date(dataset, "AcquisitionDate")


def age_years(dataset: Dataset) -> float:
    """Tell the patient's age: as stated, else from birth to study.

    A stated age of zero gives way to the date of birth: some systems write 000Y for
    everybody. NaN: unknown, or beyond what people reach.
    """
    match = _AGE.fullmatch(text(dataset, "PatientAge"))
    stated = int(match[1]) * _YEARS[match[2].upper()] if match else math.nan
    born = date(dataset, "PatientBirthDate")
    day = study_date(dataset)
    counted = (day - born).days / 365.25 if day and born else math.nan
    age = counted if math.isfinite(counted) and not stated > 0 else stated
    return age if 0 <= age <= OLDEST_YEARS else math.nan
