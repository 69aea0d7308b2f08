"""Which films the model may score."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from cxrmlops.dicom.read.acceptance import accept, accept_picture
from cxrmlops.dicom.read.derived_image import is_derived
from cxrmlops.dicom.read.headers import describe
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.reasons import REASONS
from tests.make import make_chest_image, make_thorax

WORDS = ["CHEST", "THORAX"]


def refused(image: Dataset, **rules: float) -> str:
    with pytest.raises(Rejected) as caught:
        accept(image, chest_words=WORDS, **rules)
    assert caught.value.reason in REASONS
    return caught.value.reason


def picture_refused(image: np.ndarray) -> str:
    with pytest.raises(Rejected) as caught:
        accept_picture(image)
    return caught.value.reason


@pytest.mark.parametrize("view", ["PA", "AP", ""])
def test_a_frontal_chest_image_of_an_adult_is_accepted(view):
    accept(make_chest_image(ViewPosition=view), chest_words=WORDS)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"SOPClassUID": DigitalXRayImageStorageForProcessing}, "for_processing"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
        ({"SOPClassUID": CTImageStorage, "Modality": "CT"}, "not_cr_dx"),
        ({"Modality": "CT"}, "not_cr_dx"),
        ({"SOPClassUID": ""}, "not_cr_dx"),
        ({"Rows": None}, "not_an_image"),
        ({"Rows": 0}, "not_an_image"),
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "not_grayscale"),
        ({"PhotometricInterpretation": "MONOCHROME7"}, "not_grayscale"),
        ({"PatientBreedDescription": "Beagle"}, "not_human"),
        ({"BodyPartExamined": "KNEE"}, "not_chest"),
        ({"BodyPartExamined": ""}, "chest_unknown"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "derived"),
        ({"ImageType": ["DERIVED", "PRIMARY", "", "BONE"]}, "derived"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "SOFT_TISSUE"]}, "derived"),
        ({"SeriesDescription": "Bone suppressed"}, "derived"),
        ({"ViewPosition": "LL"}, "lateral"),
        ({"PatientAge": "017Y"}, "child"),
    ],
)
def test_what_the_model_was_not_made_for_is_refused(attributes, reason):
    given = {k: v for k, v in attributes.items() if v is not None}
    image = make_chest_image(**given)
    for keyword in set(attributes) - set(given):
        delattr(image, keyword)

    assert refused(image) == reason


def test_an_unknown_age_is_accepted():
    accept(make_chest_image(PatientAge=""), chest_words=WORDS)


def test_the_youngest_age_is_the_sites_choice():
    image = make_chest_image(PatientAge="017Y")

    accept(image, chest_words=WORDS, min_age_years=17)
    assert refused(image, min_age_years=18) == "child"


@pytest.mark.parametrize(
    ("kinds", "derived"),
    [
        (["DERIVED", "PRIMARY"], True),
        (["ORIGINAL", "PRIMARY"], False),
        (["ORIGINAL", "PRIMARY", "", "DERIVED"], False),
    ],
)
def test_an_image_is_a_bone_image_by_words_only_where_it_was_derived(kinds, derived):
    image = make_chest_image()
    image.ImageType, image.DerivationDescription = kinds, "bone"

    assert bool(is_derived(image)) is derived


def test_a_derived_primary_image_is_accepted():
    accept(make_chest_image(ImageType=["DERIVED", "PRIMARY"]), chest_words=WORDS)


def test_an_ordinary_image_of_a_dual_energy_series_is_accepted():
    accept(make_chest_image(SeriesDescription="Dual energy PA"), chest_words=WORDS)


def test_a_cr_image_for_processing_is_refused():
    image = make_chest_image(
        SOPClassUID=ComputedRadiographyImageStorage,
        Modality="CR",
        PresentationIntentType="FOR PROCESSING",
    )

    assert refused(image) == "for_processing"


def test_an_image_without_any_date_is_of_a_child_who_is_one_even_today(monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2026-05-02T02:30:00+02:00")
    image = make_chest_image(StudyDate="", PatientAge="", PatientBirthDate="20120101")

    assert refused(image) == "child"
    image.PatientBirthDate = "20010101"
    accept(image, chest_words=WORDS)


def test_what_is_known_of_the_header_is_not_read_again():
    image = make_chest_image()
    header = replace(describe(image), view="lateral")

    with pytest.raises(Rejected, match="lateral"):
        accept(image, chest_words=WORDS, header=header)


def test_a_cr_image_by_an_old_sender_is_accepted():
    image = make_chest_image(SOPClassUID=ComputedRadiographyImageStorage, Modality="CR")
    image.ImageType = "ORIGINAL PRIMARY"

    accept(image, chest_words=WORDS)


def test_a_secondary_capture_must_name_its_view():
    image = make_chest_image(SOPClassUID=SecondaryCaptureImageStorage, Modality="CR")
    del image.ImageType

    accept(image, chest_words=WORDS)
    image.ViewPosition = ""
    assert refused(image) == "derived"


def test_a_refusal_names_no_patient():
    image = make_chest_image(BodyPartExamined="KNEE", PatientName="Canary^Tweety")

    with pytest.raises(Rejected) as caught:
        accept(image, chest_words=WORDS)

    assert "Canary" not in str(caught.value)
    assert "KNEE" not in str(caught.value)


def test_a_picture_of_a_thorax_is_accepted():
    accept_picture(make_thorax())


def test_the_negative_of_a_thorax_is_refused():
    assert picture_refused(1 - make_thorax()) == "inverted"


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_thorax_is_called_turned_and_never_a_negative(times, mirrored):
    image = make_thorax()[:, ::-1] if mirrored else make_thorax()

    assert picture_refused(np.rot90(image, times).copy()) == "turned"


def test_lungs_as_white_as_the_rest_are_not_called_a_negative():
    accept_picture(make_thorax(lungs=0.7))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_blank_image_is_refused(value):
    rng = np.random.default_rng(0)
    flat = np.full((300, 300), value) + rng.normal(0, 0.01, (300, 300))

    assert picture_refused(np.clip(flat, 0, 1).astype(np.float32)) == "blank"


def test_a_blank_image_within_collimation_is_refused():
    flat = np.zeros((300, 300), np.float32)
    flat[40:260, 40:260] = 0.9

    assert picture_refused(flat) == "blank"


def test_noise_is_refused():
    noise = np.random.default_rng(0).random((110, 110), dtype=np.float32)

    assert picture_refused(noise) == "noise_only"


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((63, 100), "too_small"), ((8, 440), "too_small"), ((200, 501), "partial")],
)
def test_a_picture_that_cannot_hold_a_chest_is_refused(shape, reason):
    assert picture_refused(np.zeros(shape, np.float32)) == reason


def test_the_smallest_and_narrowest_pictures_are_accepted():
    accept_picture(make_thorax(rows=64, columns=64))
    accept_picture(make_thorax(rows=250, columns=100))
