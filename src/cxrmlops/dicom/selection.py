"""Which images of an archive are ours to read, by what it tells of them."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage

from cxrmlops.dicom.acceptance import accept
from cxrmlops.dicom.answers import MANUFACTURER
from cxrmlops.dicom.attributes import date, text
from cxrmlops.dicom.headers import foreign
from cxrmlops.errors import Rejected

OWN = "own"  # an object that we made

# Not for us at all: no question was asked of us, so there is no answer, and the study
# gets no report. What is refused for another reason is a film that we should have read:
# it is fetched, and "not evaluable" is reported like an answer.
OUT_OF_SCOPE = frozenset(
    {
        *("not_cr_dx", "not_an_image", "for_processing", "derived"),
        *("not_human", "not_chest", "chest_unknown", "lateral", "child"),
        *(OWN, "unreadable"),
    }
)
# Said because an attribute is absent: no reason where the archive tells not everything.
_BY_ABSENCE = frozenset({"not_an_image", "chest_unknown"})

_USUAL = {
    "SOPClassUID": ComputedRadiographyImageStorage,
    "Modality": "CR",
    "Rows": 1,
    "Columns": 1,
    "PhotometricInterpretation": "MONOCHROME2",
}

_MOMENTS = (  # date and time of what happened to a film, in any order
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("InstanceCreationDate", "InstanceCreationTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)


def out_of_scope(
    header: Dataset,
    *,
    chest_words: Sequence[str],
    min_age_years: float,
    is_complete: bool = True,
) -> str:
    """Say why an image is not ours to read; "" if it is.

    Args:
        header: as far as the archive tells it.
        chest_words: as for `accept`.
        min_age_years: as for `accept`.
        is_complete: False: an attribute that is absent may be there nevertheless.
    """
    try:
        with foreign("unreadable", "reading what the archive told"):
            if text(header, "Manufacturer") == MANUFACTURER:
                return OWN
            if not is_complete:
                header = _filled(header)
            accept(header, chest_words=chest_words, min_age_years=min_age_years)
    except Rejected as rejected:
        spared = frozenset() if is_complete else _BY_ABSENCE
        return rejected.reason if rejected.reason in OUT_OF_SCOPE - spared else ""
    return ""


def newest_moment(header: Dataset, *, time_zone: str) -> dt.datetime | None:
    """Give the last time that the header names, None without any.

    Args:
        header: of a film.
        time_zone: IANA name, for times without an offset (PS3.3 C.12.1.1.8).
    """
    zone = _offset(text(header, "TimezoneOffsetFromUTC")) or ZoneInfo(time_zone)
    moments = [
        dt.datetime.combine(day, _time(text(header, time)), zone)
        for at, time in _MOMENTS
        if (day := date(header, at))
    ]
    return max(moments, default=None)


def _filled(header: Dataset) -> Dataset:
    """Suppose of what was not told that it is as it should be."""
    filled = Dataset()
    filled.update({element.tag: element for element in header})
    for keyword, value in _USUAL.items():
        if not text(filled, keyword):
            setattr(filled, keyword, value)
    return filled


def _time(said: str) -> dt.time:
    try:
        return dt.datetime.strptime(said[:6], "%H%M%S").time()
    except ValueError:
        return dt.time()


def _offset(said: str) -> dt.tzinfo | None:
    try:
        return dt.datetime.strptime(said, "%z").tzinfo
    except ValueError:
        return None
