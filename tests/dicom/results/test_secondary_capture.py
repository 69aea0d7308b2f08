"""The overlay as a Secondary Capture."""

import numpy as np
import pytest

from cxrmlops.dicom.results.secondary_capture import (
    OverlayPicture,
    build_secondary_capture,
)
from tests.dicom.results.test_structured_report import build
from tests.make import make_image, make_model_identity, make_study_answer

MODEL = make_model_identity()


def overlay(
    *,
    rows: int = 256,
    columns: int = 240,
    shows_map: bool = True,
    probability: float | None = 0.9,
    **image,
):
    source = make_image(**image)
    pixels = np.zeros((rows + 20, columns or 64, 3), np.uint8)
    picture = OverlayPicture(pixels, rows, columns, shows_map)
    known = () if probability is None else (probability,)
    answer = make_study_answer(*known, images=[source])
    return build_secondary_capture(
        answer.images[0], picture, analysed_at=answer.analysed_at, model=MODEL
    )


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (["L", "F"], ["L", "F"]),
        (["R", "F"], ["L", "F"]),  # turned upright before it was drawn
        (["P", "F"], ["P", "F"]),  # from the side: as it lies
        (["L"], ""),
        (["L", "F", "H"], ""),
        (["X", "Q"], ""),
        (None, ""),
    ],
)
def test_it_lies_like_its_image_unless_that_was_turned(stored, said):
    told = overlay(PatientOrientation=stored).PatientOrientation

    assert (list(told) if said else told or "") == said


@pytest.mark.parametrize(("precision", "said"), [("bf16", ", bf16"), ("", "")])
def test_it_says_which_bundle_read_and_in_which_precision(precision, said):
    answer = make_study_answer(0.8)
    picture = OverlayPicture(np.zeros((80, 64, 3), np.uint8), 64, 64, True)

    made = build_secondary_capture(
        answer.images[0],
        picture,
        analysed_at=answer.analysed_at,
        model=MODEL.model_copy(update={"precision": precision}),
    )

    named = f"{MODEL.name} {MODEL.version}"
    assert made.DerivationDescription == f"Evidence overlay, {named}{said}"


def test_its_pixels_are_as_large_as_the_image_is_wide_and_high():
    # 512 rows of .5 mm on 256, 480 columns of .25 mm on 240
    assert overlay().NominalScannedPixelSpacing == [1.0, 0.5]


def test_an_image_turned_by_90_degrees_exchanges_height_and_width():
    turned = overlay(PatientOrientation=["F", "L"], rows=240, columns=256)

    assert turned.NominalScannedPixelSpacing == [0.5, 1.0]


@pytest.mark.parametrize("spacing", [None, [0.0, 0.5], [-1, 1]])
def test_an_unknown_spacing_stays_unknown(spacing):
    assert "NominalScannedPixelSpacing" not in overlay(ImagerPixelSpacing=spacing)


@pytest.mark.parametrize(
    ("number", "said"), [("7", 7), (None, 1), ("0", 1), ("-3", 1), ("2147483647", None)]
)
def test_it_is_numbered_like_its_image(number, said):
    assert overlay(InstanceNumber=number).InstanceNumber == (said or 2**31 - 1)


@pytest.mark.parametrize(("source", "said"), [(None, "00"), ("00", "00"), ("01", "01")])
def test_once_lossy_is_always_lossy(source, said):
    assert overlay(LossyImageCompression=source).LossyImageCompression == said


def test_it_has_a_series_of_its_own_beside_the_report():
    source = make_image()
    report = build(make_study_answer(0.9, images=[source]))

    assert overlay().SeriesNumber != report.SeriesNumber
    assert overlay().SeriesInstanceUID != report.SeriesInstanceUID


@pytest.mark.parametrize(
    ("probability", "shows_map", "said"),
    [
        (0.6061, True, "AI: ASF 61 %, map"),
        (0.354, False, "AI: indeterminate 35 %"),
        (0.01, False, "AI: NSF 1 %"),
        (None, False, "AI: not evaluable"),
    ],
)
def test_its_series_begins_with_the_answer(probability, shows_map, said):
    made = overlay(probability=probability, shows_map=shows_map)

    assert made.SeriesDescription == said


@pytest.mark.parametrize(
    ("modality", "said"), [("CR", "CR"), ("DX", "DX"), (None, "DX")]
)
def test_it_keeps_the_modality_of_its_image(modality, said):
    assert overlay(Modality=modality).Modality == said


def test_each_image_s_overlay_is_a_series_of_its_own_in_the_order_of_images():
    first, second = overlay(InstanceNumber="1"), overlay(InstanceNumber="2")
    other = build_secondary_capture(
        make_study_answer(0.9, images=[make_image(2)]).images[0],
        OverlayPicture(np.zeros((80, 64, 3), np.uint8), 64, 64, True),
        analysed_at=make_study_answer(0.9).analysed_at,
        model=MODEL,
    )

    assert (first.SeriesNumber, second.SeriesNumber) == (9002, 9003)
    assert other.SeriesInstanceUID != first.SeriesInstanceUID


def test_a_page_without_image_has_no_spacing_and_no_sides():
    page = overlay(rows=0, columns=0, probability=None, shows_map=False)

    assert "NominalScannedPixelSpacing" not in page
    assert not page.PatientOrientation
    assert page.DerivationDescription.startswith("Page without film, not evaluable")


def test_it_says_what_it_shows_and_who_drew_it():
    made = overlay()
    plain = overlay(shows_map=False)
    serials = [
        item.get("DeviceSerialNumber") for item in made.ContributingEquipmentSequence
    ]

    assert made.DerivationDescription.startswith("Evidence overlay, cxr-test")
    assert plain.DerivationDescription.startswith("Film with result, no overlay")
    assert made.BurnedInAnnotation == "YES"
    assert MODEL.bundle_hash[:16] in serials
    assert (
        made.SourceImageSequence[0].ReferencedSOPInstanceUID
        == make_image().SOPInstanceUID
    )
