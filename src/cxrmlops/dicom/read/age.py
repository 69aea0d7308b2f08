"""
How old a patient was when a film was made.

Where a header leaves room, the youngest age that fits is taken: the model was not made
for children, and a film that is not read is safer than one read wrongly.
"""

import calendar
import datetime as dt
import math
import re

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import FIRST_XRAY, date, image_dates, text
from cxrmlops.system import clock

OLDEST_YEARS = 130.0  # beyond: a typing error
_AGE = re.compile(r"(\d{1,4})\s*([DWMY]?)", re.IGNORECASE)
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0, "": 1.0}
_BIRTH = re.compile(r"(\d{4})(?:[.\-/ ]?(\d{2})(?:[.\-/ ]?(\d{2}))?)?(?!\d)")
_SHARE = 0.999  # of a year at most, before the next birthday


def age_years(dataset: Dataset) -> float:
    """Tell the patient's age: as stated, else from birth to the film.

    A stated age of zero gives way to the date of birth: some systems write 000Y for
    everybody; without one it is believed, as of a newborn. A birth known by year or
    month alone is taken to be as late as it can be, a film with several dates to be as
    early as one of them says. NaN: unknown, or beyond what people reach.
    """
    stated = _stated(dataset)
    if stated > 0:
        return stated
    counted = _counted(dataset)
    return counted if math.isfinite(counted) else stated


def oldest_years(dataset: Dataset) -> float:
    """Tell the age by the last day on which a film without a date can be made.

    Its file was written, or it is today: who is a child then was one on the film. NaN
    without date of birth.
    """
    born = _born(dataset)
    last = clock.now("UTC").date()
    written = date(dataset, "InstanceCreationDate")
    if written and written >= FIRST_XRAY:
        last = min(written, last)
    return _years(born[0], last) if born and born[0] <= last else math.nan


def _stated(dataset: Dataset) -> float:
    match = _AGE.fullmatch(text(dataset, "PatientAge"))
    age = int(match[1]) * _YEARS[match[2].upper()] if match else math.nan
    return age if age <= OLDEST_YEARS else math.nan


def _counted(dataset: Dataset) -> float:
    born = _born(dataset)
    if born is None:
        return math.nan
    earliest, latest = born
    ages = [
        _years(min(latest, day), day) for day in image_dates(dataset) if earliest <= day
    ]
    return min((age for age in ages if age <= OLDEST_YEARS), default=math.nan)


def _born(dataset: Dataset) -> tuple[dt.date, dt.date] | None:
    """Return the first and last day of birth that fit; month and day may be absent."""
    match = _BIRTH.match(text(dataset, "PatientBirthDate"))
    if not match:
        return None
    year, month, day = (int(part or 0) for part in match.groups())
    try:
        first = dt.date(year, month or 1, day or 1)
        last_month = month or 12
        days = calendar.monthrange(year, last_month)[1]
        return first, dt.date(year, last_month, day if month and day else days)
    except ValueError:
        return None


def _years(born: dt.date, day: dt.date) -> float:
    """Count years so that each birthday begins a new one, leap days or not."""
    whole = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return min(max((day - born).days / 365.25, whole), whole + _SHARE)
