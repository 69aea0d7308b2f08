"""Converting every value of a parsed data set at once, within limits."""

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import STR_VR

from cxrmlops.dicom.read.attributes import PICTURE_ATTRIBUTES
from cxrmlops.dicom.read.bounded_file import PIXELS
from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.dicom.read.source import Limits
from cxrmlops.system.errors import Rejected

_PIXEL_VRS = (None, "OB", "OW", "UN")  # another makes a Python object of each pixel
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # item tags, little and big endian
_BYTES_PER_VALUE = 256  # of a value without parts, as the limit on values counts it
_NAMES = ("PatientID", "PatientName", "IssuerOfPatientID", "AccessionNumber", "StudyID")
_UNREAD = "\ufffd"  # what pydicom makes of bytes that a character set does not know
_NO_VALUE = "does not convert"  # stands where a value was


def convert_values(dataset: Dataset, limits: Limits) -> None:
    """Convert every value now, so that reading one later cannot fail.

    Private attributes and values that do not convert are taken out.

    Args:
        dataset: as pydicom parsed it; changed.
        limits: of nesting, and of values in all.

    Raises:
        Rejected: `unreadable` (nested too deep) or `too_large` (too many values).
    """
    waiting, left = [(dataset, 0)], limits.max_values
    while waiting:
        parent, depth = waiting.pop()
        if depth > limits.max_nesting:
            raise Rejected("unreadable", f"sequences nest beyond {limits.max_nesting}")
        for tag in list(parent.keys()):
            if tag.is_private or not _may_be_pixels(parent, tag):
                del parent[tag]
                continue
            left -= 1 if tag in PIXELS and depth == 0 else _parts(parent, tag)
            if left < 0:
                raise Rejected("too_large", "more values than any film has")
            value = _converted(parent, tag)
            if isinstance(value, Sequence):
                waiting += [(item, depth + 1) for item in value]


def _may_be_pixels(parent: Dataset, tag: BaseTag) -> bool:
    """Tell pixels from what stands in their place; any other attribute may stay."""
    return tag not in PIXELS or parent.get_item(tag).VR in _PIXEL_VRS


def _parts(parent: Dataset, tag: BaseTag) -> int:
    """Count what a value will become, before it does: each part is a Python object."""
    value = parent.get_item(tag).value
    if isinstance(value, Sequence):
        return 1 + len(value)
    if not isinstance(value, bytes):
        return 1
    parts = value.count(b"\\") + sum(value.count(item) for item in _ITEMS)
    return 1 + parts + len(value) // _BYTES_PER_VALUE


def _converted(parent: Dataset, tag: BaseTag) -> object:
    """Convert one value; one that does not convert is taken out.

    What the picture depends on leaves a mark: absent, it would mean a default.
    """
    try:
        with reject_on_error("unreadable", "converting a value"):
            raw = parent.get_item(tag).value
            element = parent[tag]
            if element.VR == "PN":
                str(element.value)  # decoded no sooner
            if element.VR in STR_VR and not _is_text(element.value):
                raise Rejected("unreadable", "text that pydicom read as numbers")
            if element.keyword in _NAMES and isinstance(raw, bytes):
                _keep_bytes(element, raw)
            return element.value
    except Rejected:
        del parent[tag]
        if keyword_for_tag(tag) in PICTURE_ATTRIBUTES:
            parent.add_new(tag, "LO", _NO_VALUE)
        return None


def _keep_bytes(element: DataElement, raw: bytes) -> None:
    """Keep the bytes of a name that its character set cannot read.

    pydicom would put U+FFFD in their place, and our objects would name somebody else.
    They become halves of surrogates (PEP 383), which `text` leaves out and
    `copied.keep_bytes` writes again.
    """
    if _UNREAD in str(element.value) and _UNREAD.encode() not in raw:
        element.value = raw.rstrip(b"\0 ").decode("ascii", "surrogateescape")


def _is_text(value: object) -> bool:
    """Tell text from what pydicom makes of a text that no character set can read."""
    values = value if isinstance(value, MultiValue | list) else [value]
    return not any(type(one) in (int, float, bytes) for one in values)
