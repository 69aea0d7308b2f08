import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.examination.box_overlap import (
    FOLDS,
    GRID,
    box_mask,
    evidence_inside,
    level_of_others,
    measure_boxes,
    overlap_at,
    peak,
    pixel_auc,
)

QUARTER = {"left": 0.0, "top": 0.5, "width": 0.5, "height": 0.5}
LOWER_LEFT = box_mask(pd.DataFrame([QUARTER]))


def on_film(evidence):
    """Lay cells side by side over the film."""
    times = GRID // len(evidence)
    return np.kron(evidence, np.ones((times, times))).astype(np.float32)


def measured(maps, *, split="val", patients=None, boxes=QUARTER):
    n = len(maps)
    images = pd.DataFrame(
        {
            "image_id": [f"i{k}" for k in range(n)],
            "patient_id": patients or [f"p{k}" for k in range(n)],
            "split": split,
        }
    )
    drawn = pd.DataFrame([boxes | {"image_id": name} for name in images.image_id])
    found = measure_boxes(images, np.stack(maps).astype(np.float32), drawn, seed=1)
    return {each.split: each for each in found}


def test_boxes_of_an_image_are_joined():
    twice = pd.DataFrame([QUARTER, QUARTER | {"left": 0.25}])

    assert box_mask(twice).mean() == pytest.approx(0.375)


def test_a_box_is_as_wide_and_as_high_as_it_was_drawn():
    wide = pd.DataFrame([{"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.125}])

    mask = box_mask(wide)

    rows, columns = np.nonzero(mask)  # 64 cells a side
    assert (rows.min(), rows.max()) == (32, 39)
    assert (columns.min(), columns.max()) == (16, 47)
    assert mask.sum() == 8 * 32


def test_a_cell_whose_middle_lies_on_the_far_edge_is_outside_the_box():
    edge = 3.5 / GRID  # the middle of the fourth cell
    box = pd.DataFrame([{"left": 0.0, "top": 0.0, "width": edge, "height": edge}])

    assert box_mask(box).sum() == 9


def test_evidence_in_the_box_is_inside_and_hits():
    evidence = np.full((8, 8), -1.0)
    evidence[5:7, 1:3] = 1

    val = measured([on_film(evidence)] * 6)["val"]

    assert (val.n_images, val.n_patients) == (6, 6)
    assert val.area.value == pytest.approx(0.25)
    assert val.inside.value == pytest.approx(1)
    assert val.inside_gain.value == pytest.approx(0.75)
    assert val.pointing.value == 1
    assert val.pointing_gain.value == pytest.approx(0.75)
    assert val.pixel_auc.value == pytest.approx((1 + 4 / 16) / 2)  # 12 of 16 tie
    assert val.iou.value == pytest.approx(4 / 16)  # four cells of the box's sixteen
    assert val.level <= 1


def test_even_evidence_reaches_the_share_of_the_area_and_no_more():
    val = measured([np.ones((GRID, GRID))] * 6)["val"]

    assert val.inside.value == pytest.approx(0.25)
    assert val.inside_gain.value == pytest.approx(0)
    assert val.iou.value == pytest.approx(0.25)
    assert val.pixel_auc.value == pytest.approx(0.5)


def test_evidence_elsewhere_is_outside():
    evidence = np.zeros((8, 8))
    evidence[1, 6] = 1

    val = measured([on_film(evidence)] * 3)["val"]

    assert val.inside.value == 0
    assert val.pointing.value == 0
    assert val.pointing_gain.value == pytest.approx(-0.25)
    assert val.pixel_auc.value < 0.5


def test_sides_are_measured_apart_and_an_empty_one_has_no_figures():
    found = measured([np.ones((GRID, GRID))] * 3, split="train")

    assert found["train"].n_images == 3
    assert found["val"].n_images == 0
    assert found["val"].pointing is None


def test_one_image_has_no_interval_but_a_count():
    val = measured([np.ones((GRID, GRID))])["val"]

    assert val.inside is None
    assert val.pointing.n == 1


def test_films_without_any_colour_have_no_share_inside():
    cold = np.full((GRID, GRID), -1.0)
    warm = np.where(LOWER_LEFT, 1.0, -1.0)

    val = measured([cold, cold, warm, warm])["val"]

    assert (val.inside.value, val.inside.n) == (1, 2)
    assert val.area.n == 4


def test_a_patients_films_are_drawn_together():
    rng = np.random.default_rng(0)
    maps = [np.where(LOWER_LEFT, hit, 1 - hit) for hit in rng.random(40) < 0.5]
    alone = measured(maps)["val"].pointing_gain
    doubled = measured([*maps, *maps], patients=[f"p{k % 40}" for k in range(80)])[
        "val"
    ].pointing_gain

    assert doubled.high - doubled.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_each_image_is_compared_with_its_own_box():
    images = pd.DataFrame(
        {"image_id": ["a", "b"], "split": ["train"] * 2, "patient_id": ["P", "Q"]}
    )
    boxes = pd.DataFrame(
        [QUARTER | {"image_id": "b", "left": 0.5}, QUARTER | {"image_id": "a"}]
    )
    heat = np.zeros((2, GRID, GRID), np.float32)
    heat[0, GRID // 2 :, : GRID // 2] = 1  # lower left
    heat[1, GRID // 2 :, GRID // 2 :] = 1  # lower right

    found, _ = measure_boxes(images, heat, boxes, seed=1)

    assert found.inside.value == 1
    assert found.pointing.value == 1
    assert found.pixel_auc.value == 1


def test_the_peak_of_a_plateau_is_its_middle():
    heat = np.zeros((GRID, GRID))
    heat[10:21, :5] = 3

    assert peak(heat) == (15, 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**16))
def test_pixel_auc_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    heat = rng.integers(0, 6, (GRID, GRID)).astype(float)  # with ties

    found = pixel_auc(heat, LOWER_LEFT)

    assert found == pytest.approx(roc_auc_score(LOWER_LEFT.ravel(), heat.ravel()))


@pytest.mark.parametrize(
    "mask", [np.zeros((GRID, GRID), bool), np.ones((GRID, GRID), bool)]
)
def test_a_box_too_small_for_a_cell_or_of_the_whole_film_has_no_pixel_auc(mask):
    assert np.isnan(pixel_auc(np.ones((GRID, GRID)), mask))


def test_only_what_is_coloured_counts_as_inside():
    heat = np.where(LOWER_LEFT, 3.0, -5.0)
    heat[0, :16] = 3.0 * 32 * 32 / 16  # as much again, outside

    assert evidence_inside(heat, LOWER_LEFT) == pytest.approx(0.5)


def test_the_overlap_is_that_of_cells_at_the_level_and_above():
    heat = np.where(LOWER_LEFT, 2.0, 1.0)

    found = overlap_at(heat, LOWER_LEFT, np.array([1.0, 2.0, 2.1]))

    np.testing.assert_allclose(found, [0.25, 1, 0])


def test_the_level_of_a_patient_is_chosen_on_the_others():
    # the first level suits one patient's films only, the second all others
    overlap = np.tile([0.0, 0.6], (10, 1))
    overlap[:2] = [1.0, 0.1]
    patient = ["a", "a", *"bcdefghi"]

    found = level_of_others(overlap, patient)

    np.testing.assert_allclose(found[:2], 0.1)
    np.testing.assert_allclose(found[2:], 0.6)


def test_with_one_patient_nobody_chooses_the_level():
    assert np.isnan(level_of_others(np.ones((3, 2)), ["a"] * 3)).all()
    assert FOLDS > 1
