"""Which images of an archive are ours to read, by what it tells of them."""

import datetime as dt
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage

from cxrmlops.dicom.read.acceptance import accept
from cxrmlops.dicom.read.attributes import date, text
from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.dicom.results.answers import MANUFACTURER
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.reasons import Kind, reason_kind
from cxrmlops.vocabulary.scope import Scope

OWN = "own"  # an object that we made
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
    scope: Scope,
    is_complete: bool = True,
) -> str:
    """Return why an image is not ours to read; "" if it is.

    Args:
        header: as far as the archive tells it.
        scope: what an image must be.
        is_complete: False: an attribute that is absent may be there nevertheless.
    """
    try:
        with reject_on_error("unreadable", "reading what the archive told"):
            if text(header, "Manufacturer") == MANUFACTURER:
                return OWN
            if not is_complete:
                header = _filled(header)
            accept(
                header,
                chest_words=scope.chest_words,
                min_age_years=scope.min_age_years,
            )
    except Rejected as rejected:
        spared = frozenset() if is_complete else _BY_ABSENCE
        if reason_kind(rejected.reason) is Kind.OUT_OF_SCOPE:
            return rejected.reason if rejected.reason not in spared else ""
    return ""


def newest_moment(header: Dataset, *, time_zone: str) -> dt.datetime | None:
    """Return the last time that the header names, None without any.

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
