import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.examination.box_overlap import GRID, box_mask, measure_boxes

QUARTER = {"left": 0.0, "top": 0.5, "width": 0.5, "height": 0.5}


def on_film(evidence):
    """Lay cells side by side over the film."""
    times = GRID // len(evidence)
    return np.kron(evidence, np.ones((times, times))).astype(np.float32)


def case(evidence):
    images = pd.DataFrame(
        {"image_id": ["a", "b", "c"], "split": ["train", "val", "val"],
         "patient_id": ["P", "Q", "R"]}
    )  # fmt: skip
    boxes = pd.DataFrame([QUARTER | {"image_id": name} for name in "abc"])
    maps = np.stack([on_film(evidence)] * 3)
    return dict(zip(("train", "val"), measure_boxes(images, maps, boxes), strict=True))


def test_boxes_of_an_image_are_joined():
    twice = pd.DataFrame([QUARTER, QUARTER | {"left": 0.25}])

    assert box_mask(twice).mean() == pytest.approx(0.375)


def test_evidence_in_the_box_is_inside_and_hits():
    evidence = np.full((8, 8), -1.0)
    evidence[5:7, 1:3] = 1

    found = case(evidence)["val"]

    assert found.n_images == 2
    assert found.area.value == pytest.approx(0.25)
    assert found.inside.value == pytest.approx(1)
    assert found.pointing.value == 1
    assert 0.1 < found.iou.value < 0.6  # the box is larger


def test_even_evidence_reaches_the_share_of_the_area():
    found = case(np.ones((8, 8)))["val"]

    assert found.inside.value == pytest.approx(0.25)
    assert found.iou.value == pytest.approx(0.25)


def test_evidence_elsewhere_is_outside_and_one_image_has_no_interval():
    evidence = np.zeros((8, 8))
    evidence[1, 6] = 1

    found = case(evidence)

    assert found["val"].inside.value == 0
    assert found["val"].pointing.value == 0
    assert found["train"].inside is None
    assert found["train"].pointing.n == 1


def test_a_box_is_as_wide_and_as_high_as_it_was_drawn():
    wide = pd.DataFrame([{"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.125}])

    mask = box_mask(wide)

    rows, columns = np.nonzero(mask)  # 64 cells a side
    assert (rows.min(), rows.max()) == (32, 39)
    assert (columns.min(), columns.max()) == (16, 47)
    assert mask.sum() == 8 * 32


def test_evidence_beside_a_wide_box_is_outside_it():
    evidence = np.zeros((8, 8))
    evidence[0, 3] = 1  # above, within its columns
    wide = pd.DataFrame(
        [{"image_id": name, "left": 0.25, "top": 0.5, "width": 0.5, "height": 0.125}
         for name in "abc"]
    )  # fmt: skip
    images = pd.DataFrame(
        {"image_id": ["a", "b", "c"], "split": ["train", "val", "val"],
         "patient_id": ["P", "Q", "R"]}
    )  # fmt: skip

    _, val = measure_boxes(images, np.stack([on_film(evidence)] * 3), wide)

    assert val.inside.value == 0
    assert val.area.value == pytest.approx(0.0625)


def test_a_cell_whose_middle_lies_on_the_far_edge_is_outside_the_box():
    edge = 3.5 / GRID  # the middle of the fourth cell
    box = pd.DataFrame([{"left": 0.0, "top": 0.0, "width": edge, "height": edge}])

    assert box_mask(box).sum() == 9


def test_no_evidence_and_a_box_smaller_than_a_cell_do_not_overlap():
    images = pd.DataFrame(
        {"image_id": ["a", "b"], "split": ["train"] * 2, "patient_id": ["P", "Q"]}
    )
    tiny = {"left": 0.0, "top": 0.0, "width": 1e-4, "height": 1e-4}
    boxes = pd.DataFrame([tiny | {"image_id": name} for name in "ab"])

    found, _ = measure_boxes(images, np.full((2, GRID, GRID), -1, np.float32), boxes)

    assert found.iou.value == 0


def test_each_image_is_compared_with_its_own_box():
    images = pd.DataFrame(
        {"image_id": ["a", "b"], "split": ["train"] * 2, "patient_id": ["P", "Q"]}
    )
    boxes = pd.DataFrame(
        [QUARTER | {"image_id": "a"}, QUARTER | {"image_id": "b", "left": 0.5}]
    )
    evidence = np.zeros((2, GRID, GRID), np.float32)
    evidence[0, GRID // 2 :, : GRID // 2] = 1  # lower left
    evidence[1, GRID // 2 :, GRID // 2 :] = 1  # lower right

    found, _ = measure_boxes(images, evidence, boxes)

    assert found.inside.value == 1
    assert found.iou.value == 1
    assert found.pointing.value == 1


def test_the_overlap_counts_evidence_from_half_of_the_largest_on():
    evidence = np.full((GRID, GRID), 0.49)
    evidence[GRID // 2 :, : GRID // 2] = 0.5
    evidence[-1, 0] = 1

    found = case(evidence)["val"]

    assert found.iou.value == 1
