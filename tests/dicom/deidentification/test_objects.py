"""Nothing of an identity is left in what leaves."""

import io

import numpy as np
from pydicom import dcmread
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from cxrmlops.dicom.deidentification.objects import deidentified_film, write_object
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from tests.make import make_cxr, make_image

NAMES = Pseudonyms.for_recipient(b"key", "a colleague")
SENTINEL = "ZQXJ7SENTINEL"
TEXTS = ("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "UR")
STAYS = ("Manufacturer", "ManufacturerModelName", "SpecificCharacterSet")


def film() -> Dataset:
    made = make_cxr(np.arange(80 * 64).reshape(80, 64) % 4096)
    made.update(make_image(Rows=80, Columns=64))
    made.PixelData = made.PixelData
    return made


def plant(made: Dataset, *, depth: int = 1) -> None:
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 in (0, 2) or keyword in STAYS or vr not in TEXTS:
            continue
        made.add_new(tag, vr, SENTINEL)
    made.private_block(0x0009, SENTINEL, create=True).add_new(1, "LO", SENTINEL)
    if depth:
        item = Dataset()
        plant(item, depth=depth - 1)
        made.SourceImageSequence = made.RequestAttributesSequence = [item]


def test_a_sentinel_in_every_text_private_and_nested_element_is_gone(tmp_path):
    source = film()
    plant(source)

    write_object(deidentified_film(source, NAMES).dataset, tmp_path / "a.dcm")

    written = (tmp_path / "a.dcm").read_bytes()
    assert SENTINEL.encode() not in written
    for said in (source.SOPInstanceUID, source.StudyInstanceUID, "19700101"):
        assert said.encode() not in written
    back = dcmread(io.BytesIO(written))
    assert back.PatientIdentityRemoved == "YES"
    assert (back.pixel_array == source.pixel_array).all()
