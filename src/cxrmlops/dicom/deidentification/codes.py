"""Codes that everybody has; a hospital's own name procedures, rooms and people."""

from functools import cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from cxrmlops.dicom.read.attributes import text

# PS3.16: laterality, anatomy of a film, view, its modifier, purpose of a reference
_GROUPS = ("cid244", "cid4009", "cid4010", "cid4011", "cid4012", "cid7202")
_OLD = ("SRT", "SNM3", "99SDM")  # names of SNOMED CT's codes before SCT (PS3.16 8.1)
_RENEWED = {  # what the standard lists no more: PA; thorax, twice
    ("SRT", "R-10214"): ("SCT", "272479007"),
    ("SRT", "T-D3000"): ("SCT", "816094009"),
    ("SCT", "51185008"): ("SCT", "816094009"),
}


def coded_items(element: DataElement) -> list[Dataset] | None:
    """Write the codes that the standard lists, in its words: a site's may name anyone.

    Codes of SNOMED RT become those of SNOMED CT. None: there were some, and none is
    listed.
    """
    items = list(element.value) if isinstance(element.value, Sequence) else []
    found = [made for item in items if (made := _item(item))]
    return found if found or not items else None


def _item(source: Dataset) -> Dataset | None:
    scheme = text(source, "CodingSchemeDesignator")
    named = ("SRT" if scheme in _OLD else scheme, text(source, "CodeValue"))
    scheme, value = _RENEWED.get(named, named)
    code = Code(value, scheme, "")
    known = next((one for one in _listed() if one == code), None)
    if known is None:
        return None
    made = Dataset()
    made.CodeValue, made.CodeMeaning = known.value, known.meaning
    made.CodingSchemeDesignator = known.scheme_designator
    for keyword in ("ViewModifierCodeSequence", "AnatomicRegionModifierSequence"):
        if keyword in source and (items := coded_items(source[keyword])):
            setattr(made, keyword, items)
    return made


@cache
def _listed() -> tuple[Code, ...]:
    groups = (getattr(codes, group).concepts.values() for group in _GROUPS)
    return tuple(code for group in groups for code in group)
