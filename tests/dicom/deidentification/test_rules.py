"""The rules against the standard's own list: PS3.15 table E.1-1."""

import csv
from pathlib import Path

import numpy as np
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from cxrmlops.dicom.deidentification.objects import deidentified_film
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.deidentification.rules import RULES, Rule
from tests.conftest import ROOT
from tests.make import make_cxr, make_image

# Edition 2026c: 652 attributes with their action (X, Z, D, U, or several) in the Basic
# Profile; curves, overlay data and private attributes, which are ranges, are apart.
TABLE = ROOT / "tests/reference/ps3.15_e1-1.csv"
NAMES = Pseudonyms.for_recipient(b"key", "a colleague")
CHARACTERISTICS = {"PatientSex", "PatientAge"}  # kept by the option that is stated
PLANTED = {
    "UI": "1.2.826.0.1.3680043.8.498.4711",
    "DA": "19991231",
    "DT": "19991231235958",
    "TM": "235958",
    "AS": "047Y",
    "CS": "ZQXJ7SENTINEL",
    "IS": "987654321",
    "DS": "987654321",
}
NUMBERS = {"US": 54321, "SS": 4321, "UL": 987654321, "SL": 987654321, "FL": 4321.0}
BYTES = ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "OB or OW")


def attributes() -> dict[int, str]:
    with Path(TABLE).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["keyword"]]
    return {int(row["tag"], 16): row["keyword"] for row in rows}


def value_of(vr: str) -> object:
    if vr in BYTES:
        return b"ZQXJ7SENTINEL "
    if vr == "SQ":
        item = Dataset()
        item.PatientComments = "ZQXJ7SENTINEL"
        return [item]
    return NUMBERS.get(vr, PLANTED.get(vr, 4321.0 if vr == "FD" else "ZQXJ7SENTINEL"))


def planted(source: Dataset) -> dict[int, object]:
    """Write a value of our own into every attribute of the table."""
    found = {}
    for tag, keyword in attributes().items():
        vr = dictionary_VR(tag)
        if tag >> 16 != 2 and keyword not in ("PixelData", "SpecificCharacterSet"):
            source.add_new(tag, vr.split(" or ")[0], value_of(vr))
            found[tag] = source[tag].value
    return found


def make_source() -> Dataset:
    made = make_cxr(np.arange(80 * 64).reshape(80, 64) % 4096)
    made.update(make_image(Rows=80, Columns=64))
    return made


def test_the_table_is_there():
    assert len(attributes()) > 600
    assert {"PatientName", "DeviceSerialNumber"} <= set(attributes().values())


@pytest.mark.parametrize("nested", [False, True])
def test_no_attribute_of_the_table_keeps_its_value(nested):
    source, holder = make_source(), Dataset()
    values = planted(holder if nested else source)
    if nested:
        source.SourceImageSequence = [holder]

    made = deidentified_film(source, NAMES).dataset

    inner = made.SourceImageSequence[0] if nested else made
    kept = {
        Tag(tag)
        for tag, value in values.items()
        if tag in inner and inner[tag].value == value and value not in ("", [])
    }
    allowed = {
        Tag(tag) for tag, name in attributes().items() if name in CHARACTERISTICS
    }
    assert kept <= allowed
    assert "ZQXJ7SENTINEL" not in str(made)


def test_nothing_of_the_table_is_kept_as_it_is_by_a_rule():
    kept = {keyword for keyword, rule in RULES.items() if rule is Rule.KEEP}

    assert kept & set(attributes().values()) == set()
