"""
Does anything of the original's identity stand in the copy?

The rules should leave nothing. This does not know them.
"""

import re
from collections.abc import Container, Iterator

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import text

_NAMED = (
    *("PatientID", "OtherPatientIDs", "PatientName", "OtherPatientNames"),
    *("AccessionNumber", "PatientAddress", "InstitutionName", "DeviceSerialNumber"),
    *("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"),
)
_OURS = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
_SHORTEST = 5  # characters; shorter ones stand in any header by chance
_BETWEEN = re.compile(r"[^\w]+")


def left_over(made: Dataset, source: Dataset) -> str:
    """Name the attribute whose value, or a word of it, stands in the copy; "" none.

    Words of a name count as words, a number of digits alone as a whole value, anything
    else anywhere.
    """
    values = set(_values(made))
    words = {word for value in values for word in _BETWEEN.split(value)}
    everything = "\n".join(values)
    for keyword in _NAMED:
        said = text(source, keyword).upper()
        is_name = keyword.endswith(("Name", "Names")) and keyword != "InstitutionName"
        for part in _BETWEEN.split(said) if is_name else said.split("\\"):
            if len(part) >= _SHORTEST and part in _place(
                part, values, words if is_name else everything
            ):
                return keyword
    return ""


def _place(part: str, values: set[str], otherwise: Container[str]) -> Container[str]:
    """Return what a part is looked for in."""
    return values if part.replace(".", "").isdigit() else otherwise


def _values(dataset: Dataset) -> Iterator[str]:
    """Go over all texts and numbers, upper case; pixels and tables are none."""
    for element in dataset:
        if element.keyword in _OURS:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _values(item)
        elif not isinstance(element.value, bytes):
            yield from text(dataset, element.keyword).upper().split("\\")
