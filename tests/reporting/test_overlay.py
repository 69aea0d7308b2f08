import dataclasses
import math

import numpy as np
import pytest

from cxrmlops.dicom.results.secondary_capture import (
    OverlayPicture,
    build_secondary_capture,
    overlay_uid,
)
from cxrmlops.model.pooling import POOLINGS, pooled
from cxrmlops.reporting.overlay import (
    FULL_SCALE,
    MIN_WIDTH,
    PAGE_HEIGHT,
    Caption,
    above_threshold,
    blend,
    draw_overlay,
    logit,
    page,
)
from tests.make import make_image, make_model_identity, make_study_answer

CAPTION = Caption(
    title="AI: any significant finding suspected",
    alert=True,
    facts=("Probability of any significant finding 87.3 %", "Model cxr-test"),
    disclaimer="Investigational, not for primary diagnosis.",
    probability=0.873,
    thresholds=(("balanced", 0.41), ("high sensitivity", 0.08)),
    scale="logits above the balanced threshold",
)
MODEL = make_model_identity()


def grey(rows=96, columns=96):
    return np.tile(np.linspace(0, 255, columns).astype(np.uint8), (rows, 1))


def capture(picture, image=None):
    answer = make_study_answer(0.9, images=[image or make_image()])
    return build_secondary_capture(
        answer.images[0], picture, analysed_at=answer.analysed_at, model=MODEL
    )


def picture_of(rows=64, columns=60):
    return OverlayPicture(
        np.zeros((rows + 20, columns, 3), np.uint8), rows, columns, True
    )


def test_an_image_is_never_written_over():
    image = blend(grey(200, 800), None)

    drawn, top, left = draw_overlay(image, CAPTION)

    np.testing.assert_array_equal(drawn[top:, left : left + 800], image)
    assert top > 0


def test_a_narrow_image_keeps_its_shape_under_a_readable_band():
    image = blend(grey(900, 90), None)

    drawn, top, left = draw_overlay(image, CAPTION)

    assert drawn.shape[1] == MIN_WIDTH
    np.testing.assert_array_equal(drawn[top:, left : left + 90], image)


def test_one_evidence_has_one_colour_in_every_case():
    heat = np.full((8, 8), FULL_SCALE / 2, np.float32)
    alone = blend(np.zeros((8, 8), np.uint8), heat)
    beside_more = heat.copy()
    beside_more[0, 0] = 5 * FULL_SCALE

    mixed = blend(np.zeros((8, 8), np.uint8), beside_more)

    np.testing.assert_array_equal(mixed[4, 4], alone[4, 4])


def test_what_speaks_against_a_finding_stays_clear():
    picture = grey()

    shown = blend(picture, np.linspace(-9, 0, picture.size).reshape(picture.shape))

    np.testing.assert_array_equal(shown, blend(picture, None))


def test_more_evidence_never_fades():
    picture = np.zeros((1, 200), np.uint8)

    shown = blend(picture, np.linspace(0, FULL_SCALE, 200)[None])

    light = shown.astype(int).sum(axis=2)[0]
    assert (np.diff(light) >= -1).all()  # rounding of three channels
    assert light[-1] > light[0]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_pooled_map_is_the_images_own_logit_over_the_threshold(pooling):
    rng = np.random.default_rng(0)
    evidence = rng.normal(3, 5, (7, 7))

    heat = above_threshold(
        evidence, pooling=pooling, logit_of_image=2.0, temperature=1.6, threshold=0.4
    )

    back = 1.6 * (heat + math.log(0.4 / 0.6))  # uncalibrated logits
    assert pooled(back, pooling) == pytest.approx(2.0, abs=1e-4)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_logit_is_finite_at_the_ends(probability):
    assert math.isfinite(logit(probability))


def test_drawing_twice_gives_the_same_pixels():
    image = blend(grey(300, 700), np.full((300, 700), 4.0, np.float32))

    first, second = (draw_overlay(image, CAPTION)[0] for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_long_words_do_not_leave_the_band():
    long = dataclasses.replace(CAPTION, disclaimer="word " * 120, scale="scale " * 40)

    drawn, top, _ = draw_overlay(blend(grey(100, 640), None), long)

    assert 100 < top < 640
    assert drawn.shape == (top + 100, 640, 3)


def test_viewers_find_the_upper_left_corner_free_of_words():
    drawn, top, _ = draw_overlay(blend(grey(100, 800), None), CAPTION)

    corner = drawn[:top, : 800 // 8 - 2]
    assert np.ptp(corner.reshape(-1, 3), axis=0).max() == 0


def test_a_page_holds_all_its_words_however_many():
    few, many = (
        page(dataclasses.replace(CAPTION, disclaimer="word " * n)) for n in (9, 900)
    )

    assert few.shape == (PAGE_HEIGHT, MIN_WIDTH, 3)
    assert len(many) > PAGE_HEIGHT
    for drawn in (few, many):
        edge = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
        assert np.ptp(edge, axis=0).max() == 0
        assert np.ptp(drawn.reshape(-1, 3), axis=0).max() > 0


def test_the_capture_says_where_it_comes_from_and_that_text_is_burned_in():
    image = make_image()

    made = capture(picture_of(), image)

    source = made.SourceImageSequence[0]
    assert made.SOPInstanceUID == overlay_uid(image, "", MODEL)
    assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert made.BurnedInAnnotation == "YES"
    assert list(made.ImageType) == ["DERIVED", "SECONDARY", "OTHER"]
    assert made.StudyInstanceUID == image.StudyInstanceUID
    assert made.SeriesInstanceUID != image.SeriesInstanceUID


def test_pixel_spacing_follows_the_image_inside_the_picture():
    made = capture(picture_of(rows=1024, columns=960))

    assert [float(v) for v in made.NominalScannedPixelSpacing] == [0.25, 0.125]


@pytest.mark.parametrize("known", [["L", "F"], None, "", ["X", "Q"]])
def test_unknown_orientation_stays_unknown(known):
    made = capture(picture_of(), make_image(PatientOrientation=known))

    expected = known if known == ["L", "F"] else []
    assert list(made.PatientOrientation or []) == expected


@pytest.mark.parametrize("stored", [["R", "F"], ["L", "H"], ["F", "L"], ["H", "R"]])
def test_the_capture_of_an_image_turned_upright_lies_upright(stored):
    turned = stored[0] in "FH"
    image = make_image(PatientOrientation=stored)
    # of 0.5 x 0.25 mm pixels, 512 x 480: as high as wide twice, or the other way round
    rows, columns = (1200, 2560) if turned else (2560, 1200)

    made = capture(picture_of(rows=rows, columns=columns), image)

    assert list(made.PatientOrientation) == ["L", "F"]
    spacing = [float(value) for value in made.NominalScannedPixelSpacing]
    assert spacing == [0.1, 0.1]


def test_once_lossy_always_lossy():
    made = capture(picture_of(), make_image(LossyImageCompression="01"))

    assert made.LossyImageCompression == "01"


@pytest.mark.parametrize(
    ("known", "expected"), [(7, 7), (None, 1), (0, 1), (-3, 1), (2**31 - 1, 2**31 - 1)]
)
def test_an_overlay_bears_the_number_of_its_image(known, expected):
    image = make_image()
    image.InstanceNumber = known

    assert capture(picture_of(), image).InstanceNumber == expected


def test_a_uid_that_was_padded_twice_is_the_same_uid():
    image = make_image()
    plain = image.SOPClassUID
    image.SOPClassUID = f"{plain}\0"

    (item,) = capture(picture_of(), image).SourceImageSequence

    assert item.ReferencedSOPClassUID == plain
