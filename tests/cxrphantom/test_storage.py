import datetime as dt
import io

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxrphantom.detector import display_curve
from cxrphantom.headers import Exam, Shot
from cxrphantom.image import Picture, make_image
from cxrphantom.people import Person, made_uid
from cxrphantom.storage import encode
from cxrphantom.vendors import VENDORS, Vendor

PERSON = Person("1", "Núñez", "Zoë", "F", dt.date(1970, 1, 1), wide="山田^太郎")
EXAM = Exam(PERSON, made_uid(1, "s"), "A1", dt.date(2018, 1, 1), 600)


def stored(vendor: Vendor, values: np.ndarray, **shot: object) -> pydicom.Dataset:
    """Write one film as the vendor does and read it back."""
    taken = Shot(made_uid(1, "i"), 1, "PA", 1.0, **shot)
    dataset = make_image(Picture(values, np.exp(-values), 1.0), EXAM, taken, vendor)
    return pydicom.dcmread(io.BytesIO(encode(dataset, vendor.transfer_syntax)))


def shown(dataset: pydicom.Dataset) -> np.ndarray:
    """Show a film as a viewer does, 0 to 1."""
    values = apply_modality_lut(dataset.pixel_array, dataset)
    seen = apply_voi_lut(values, dataset).astype(float)
    top = 65535 if "VOILUTSequence" in dataset else 2**dataset.BitsStored - 1
    seen /= top
    return 1 - seen if dataset.PhotometricInterpretation == "MONOCHROME1" else seen


RAMP = np.tile(np.linspace(-3, 3, 64, dtype=np.float32), (48, 1))


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda v: v.model)
def test_every_vendor_shows_the_same_picture(vendor):
    picture = shown(stored(vendor, RAMP))

    expected = display_curve(RAMP)
    if vendor.voi == "none":  # the reader chooses the window
        expected = (expected - expected.min()) / np.ptp(expected)
        picture = (picture - picture.min()) / np.ptp(picture)
    np.testing.assert_allclose(picture, expected, atol=0.02)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda v: v.model)
def test_every_image_says_how_it_is_written(vendor):
    dataset = stored(vendor, RAMP)

    assert dataset.file_meta.TransferSyntaxUID == vendor.transfer_syntax
    assert dataset.BitsStored == vendor.bits_stored
    assert dataset.Manufacturer == vendor.manufacturer
    assert dataset.SpecificCharacterSet == vendor.charset


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda v: v.model)
def test_names_survive_their_character_set(vendor):
    name = str(stored(vendor, RAMP).PatientName)

    assert name == ("山田^太郎" if vendor.charset == "ISO_IR 192" else "Núñez^Zoë")


def test_a_raw_image_is_marked_for_processing():
    dataset = stored(VENDORS[0], RAMP, raw=True)

    assert dataset.PresentationIntentType == "FOR PROCESSING"
    assert "WindowCenter" not in dataset
