"""Which attributes of a source may stand in an object of ours, and how."""

import copy
import re
from collections.abc import Sequence

import pydicom
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import PersonName, validate_value

from cxrmlops.dicom.read.attributes import day_of
from cxrmlops.dicom.results.whole_items import is_whole

# Copied to the letter, legal or not: an archive files our objects by them
_IDENTITY = (
    "PatientID",
    "PatientName",
    "IssuerOfPatientID",
    "AccessionNumber",
    "StudyID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPClassUID",
    "SOPInstanceUID",
)
_CHECKED = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "SH", "TM", "UI")
_UNCHECKED = pydicom.config.IGNORE
_SURROGATE = re.compile("[\udc80-\udcff]")


def copied_element(element: DataElement) -> DataElement | None:
    """Copy an attribute that may stand in an object of ours; None for any other.

    A date that is understood is written as DICOM writes dates (PS3.5 6.2). Of a
    sequence the items stay that are whole: an item without what the standard demands
    (Type 1) would make our object illegal.
    """
    typed = _typed(element)
    if typed is None:
        return None
    if typed.VR == "SQ":
        return _copied_sequence(typed)
    if typed.VR == "DA" and not _legal(typed) and (day := day_of(str(typed.value))):
        return DataElement(typed.tag, "DA", f"{day:%Y%m%d}") if day.year > 999 else None
    if typed.keyword in _IDENTITY and typed.VR == "PN" and typed.VM > 1:
        # a name with a backslash, which would part two names: as it is, in one piece
        name = "\\".join(str(part) for part in typed.value)
        return DataElement(typed.tag, "PN", PersonName(name))
    if not _legal(typed):
        return None
    kept = copy.deepcopy(typed)
    if kept.VR == "UI" and isinstance(kept.value, str):  # padded once too often
        kept.value = UID(kept.value.rstrip("\0 "))
    return kept


def keep_bytes(made: Dataset, encodings: Sequence[str] = ()) -> None:
    """Write identity that no character set reads in the bytes of its source.

    `read_header` keeps such bytes as halves of surrogates (PEP 383).

    Args:
        made: an object of ours, with its SpecificCharacterSet; changed.
        encodings: of the object that `made` is an item of.
    """
    encodings = encodings or convert_encodings(made.get("SpecificCharacterSet"))
    for element in list(made):
        if element.VR == "SQ" and element.keyword != "ContentSequence":
            for item in element.value:
                keep_bytes(item, encodings)
        elif element.keyword in _IDENTITY and (raw := _unread_bytes(element)):
            name = PersonName(raw, encodings) if element.VR == "PN" else raw
            made[element.tag] = DataElement(
                element.tag, element.VR, name, validation_mode=_UNCHECKED
            )


def _unread_bytes(element: DataElement) -> bytes:
    """Return the bytes that `read_header` could not read; none of a value it could."""
    many = isinstance(element.value, MultiValue)
    values = element.value if many else [element.value]
    said = "\\".join(str(value) for value in values)
    if not _SURROGATE.search(said):
        return b""
    return said.encode("ascii", "surrogateescape")


def _copied_sequence(element: DataElement) -> DataElement | None:
    keyword = element.keyword
    items = [
        kept
        for item in element.value
        if (kept := _copied_item(keyword, item)) is not None
    ]
    return DataElement(element.tag, "SQ", items) if items else None


def _copied_item(keyword: str, item: Dataset) -> Dataset | None:
    made = Dataset()
    for inner in item:
        if inner.VR == "SQ" and _typed(inner) is inner:
            if kept := _copied_sequence(inner):
                made.add(kept)
        elif _typed(inner) is inner and _legal(inner):
            made.add(copy.deepcopy(inner))
        else:
            return None
    return made if is_whole(keyword, made) else None


def _typed(element: DataElement) -> DataElement | None:
    """Convert an attribute to the type of the dictionary; None for one that has none.

    Another type of value stays behind, but for identity, which is kept as text.
    """
    if element.tag.is_private or not dictionary_has_tag(element.tag):
        return None
    vr = dictionary_VR(element.tag)
    if vr == element.VR or " or " in vr:
        return element
    if element.keyword not in _IDENTITY:
        return None
    return DataElement(element.tag, vr, str(element.value), validation_mode=_UNCHECKED)


def _legal(element: DataElement) -> bool:
    """Return whether a value keeps the promises of its attribute (PS3.5 6.2, PS3.6)."""
    many = isinstance(element.value, MultiValue)
    if element.keyword in _IDENTITY:
        return not (many and element.VR in ("PN", "UI"))
    values = element.value if many else [element.value]
    return _fits(element) and all(_legal_value(element.VR, value) for value in values)


def _legal_value(vr: str, value: object) -> bool:
    if vr not in _CHECKED or value is None:
        return True
    if vr in ("DS", "IS") and not str(value).strip():
        return False
    try:
        validate_value(vr, str(value), pydicom.config.RAISE)
    except ValueError:
        return False
    return True


def _fits(element: DataElement) -> bool:
    """Return whether there are as many values as the dictionary says; none is fine."""
    if element.is_empty or not dictionary_has_tag(element.tag):
        return True
    fewest, _, most = dictionary_VM(element.tag).partition("-")
    most, count = most or fewest, element.VM
    return count >= int(fewest) and (most.endswith("n") or count <= int(most))
