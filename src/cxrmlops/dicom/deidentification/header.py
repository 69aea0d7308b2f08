"""A header without identity: copied attribute by attribute, by the rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import DS

from cxrmlops.dicom.deidentification.codes import coded_items
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.deidentification.rules import RULES, Rule
from cxrmlops.dicom.read.attributes import day_of, numbers
from cxrmlops.dicom.read.foreign_code import suppress_warnings

_TERM = re.compile(r"[A-Z0-9_ ]{0,16}")  # CS (PS3.5 6.2)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NUMERIC = frozenset(("IS", "US", "SS", "UL", "SL", "FD", "FL"))
_UNITS = ("RescaleType", "ModalityLUTType")  # LO; terms of PS3.3 C.11.1.1.2
_UNIT_TERMS = ("OD", "HU", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT")
_MAKERS = ("Manufacturer", "ManufacturerModelName")  # LO


@dataclass(frozen=True)
class Copier:
    """Copies what may leave of one patient's headers."""

    names: Pseudonyms
    patient: str  # pseudonym

    def copy(self, source: Dataset) -> Dataset:
        """Return what may leave; values that break their type stay behind."""
        made = Dataset()
        with suppress_warnings():
            for element in source:
                rule = RULES.get(element.keyword)
                if rule is not None:
                    self._add(made, source, element, rule)
        return made

    def _add(
        self, made: Dataset, source: Dataset, element: DataElement, rule: Rule
    ) -> None:
        actions: dict[Rule, Callable[[], object]] = {
            Rule.KEEP: lambda: _kept(source, element),
            Rule.UID: lambda: _each(element, self.names.uid),
            Rule.DATE: lambda: self.names.date(
                day_of(str(element.value or "")), self.patient
            ),
            Rule.EMPTY: lambda: [] if element.VR == "SQ" else "",
            Rule.CODE: lambda: coded_items(element),
            Rule.ITEMS: lambda: [self.copy(item) for item in _items(element)],
        }
        value = actions[rule]()
        if value is not None:
            made.add_new(element.tag, element.VR, value)


def _items(element: DataElement) -> list[Dataset]:
    return list(element.value) if element.VR == "SQ" else []


def _each(element: DataElement, change: Callable[[str], str]) -> object:
    if element.VR != "UI":
        return None
    if isinstance(element.value, MultiValue):
        return [change(str(one)) for one in element.value]
    return change(str(element.value or ""))


def _kept(source: Dataset, element: DataElement) -> object:
    """Return a value if it is what its type says; None leaves it out."""
    if element.VR == "DS":
        return _decimals(source, element)
    if element.keyword in _UNITS:
        return element.value if element.value in _UNIT_TERMS else None
    if element.VR == "CS":
        return _terms(element)
    if element.VR in _NUMERIC or element.keyword in (*_MAKERS, "LUTData"):
        return element.value
    return None


def _decimals(source: Dataset, element: DataElement) -> object:
    """Return numbers as they are written; one with words in it is written anew."""
    said = str(element.value if element.value is not None else "")
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    if said == "" or all(_NUMBER.fullmatch(str(one)) for one in values):
        return element.value
    return [DS(one, auto_format=True) for one in numbers(source, element.keyword)]


def _terms(element: DataElement) -> object:
    values = (
        element.value
        if isinstance(element.value, MultiValue)
        else [str(element.value or "")]
    )
    if not all(_TERM.fullmatch(str(one).strip()) for one in values):
        return None
    return [str(one).strip() for one in values]
