"""Codes that everybody has; a hospital's own name procedures, rooms and people."""

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrmlops.dicom.read.attributes import text

# PS3.16 8, and our own words for the two thresholds
SCHEMES = frozenset(
    ("DCM", "SCT", "SRT", "SNM3", "99SDM", "UCUM", "RADLEX", "UMLS", "FMA", "LN")
) | {"RFC5646", "99CXRMLOPS"}
_PARTS = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
_IN_PLACE = ("399208008", "SCT", "Plain X-ray of chest")  # of a site's own procedure


def is_shared(item: Dataset) -> bool:
    """Return whether an item is of a coding scheme that names nobody."""
    return text(item, "CodingSchemeDesignator") in SCHEMES


def coded_items(element: DataElement) -> list[Dataset]:
    """Copy the codes of shared schemes; a report's concept never stays without one."""
    items = list(element.value) if isinstance(element.value, Sequence) else []
    found = [_copy(item) for item in items if is_shared(item)]
    if element.keyword == "ConceptCodeSequence" and items and not found:
        return [_item(*_IN_PLACE)]
    return found


def _copy(item: Dataset) -> Dataset:
    made = _item(*(text(item, part) for part in _PARTS))
    for keyword in ("ViewModifierCodeSequence", "AnatomicRegionModifierSequence"):
        if keyword in item:
            setattr(made, keyword, coded_items(item[keyword]))
    return made


def _item(*values: str) -> Dataset:
    made = Dataset()
    for part, value in zip(_PARTS, values, strict=True):
        setattr(made, part, value)
    return made
