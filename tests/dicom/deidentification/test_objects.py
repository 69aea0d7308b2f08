"""Nothing of an identity is left in what leaves."""

import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from cxrmlops.dicom.deidentification.objects import deidentified_film, write_object
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.system.errors import WithheldError
from tests.make import make_cxr, make_image

NAMES = Pseudonyms.for_recipient(b"key", "a colleague")
SENTINEL = "ZQXJ7SENTINEL"
TEXTS = ("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "UR")
STAYS = ("Manufacturer", "ManufacturerModelName", "SpecificCharacterSet")


def make_source() -> Dataset:
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
    source = make_source()
    plant(source)

    film = deidentified_film(source, NAMES)
    write_object(film.dataset, tmp_path / "a.dcm")

    assert film.left_over == ""
    written = (tmp_path / "a.dcm").read_bytes()
    assert SENTINEL.encode() not in written
    for said in (source.SOPInstanceUID, source.StudyInstanceUID, "19700101"):
        assert said.encode() not in written
    back = dcmread(io.BytesIO(written))
    assert back.PatientIdentityRemoved == "YES"
    assert (back.pixel_array == source.pixel_array).all()


@pytest.mark.parametrize(
    ("quirk", "why"),
    [
        ({"Modality": "OT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "not a CR"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "not a CR"),
        ({"BurnedInAnnotation": "YES"}, "BurnedInAnnotation"),
        ({"SeriesInstanceUID": ""}, "SeriesInstanceUID is missing"),
    ],
)
def test_what_must_not_leave_is_refused_and_says_why(quirk, why):
    source = make_source()
    for keyword, value in quirk.items():
        setattr(source, keyword, value)

    with pytest.raises(WithheldError, match=why):
        deidentified_film(source, NAMES)


def test_a_value_of_the_patient_in_what_is_kept_is_named():
    source = make_source()
    source.Manufacturer = f"made for {source.PatientID}"

    assert deidentified_film(source, NAMES).left_over == "PatientID"


def test_what_is_kept_is_the_profile_said_in_values_that_dicom_allows():
    made = deidentified_film(make_source(), NAMES).dataset

    assert all(len(line) <= 64 for line in made.DeidentificationMethod)
    stated = [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
    assert stated == ["113100", "113107", "113108"]
    assert made.LongitudinalTemporalInformationModified == "MODIFIED"
    assert made.PatientSex == "F"
    assert made.ImagerPixelSpacing == [0.5, 0.25]
    assert made.BodyPartExamined == "CHEST"
