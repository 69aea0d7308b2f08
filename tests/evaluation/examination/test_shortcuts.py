import numpy as np
import pytest

from cxrmlops.evaluation.examination.shortcuts import (
    measure_inflation,
    measure_shortcuts,
    measure_told_apart,
)
from tests.make import make_index, make_splits, make_studies

pytestmark = pytest.mark.integration


def image_rows(patients=400, **columns):
    images = make_splits(patients=patients)
    images = images[images.split != "test"].reset_index(drop=True)
    numbers = make_index(images).drop(columns=["shard", "row", "pixel_hash"])
    numbers = numbers.drop(columns=["perceptual_hash"])
    return images.merge(numbers, on="image_id").assign(**columns)


def thumbnails(rows):
    rng = np.random.default_rng(0)
    return rng.random((len(rows), 256)).astype(np.float32)


def probes(rows, grey=None):
    grey = thumbnails(rows) if grey is None else grey
    return {p.name: p for p in measure_shortcuts(rows, grey, rule="max")}


def test_a_fair_cohort_gives_nothing_away():
    found = probes(image_rows())

    for name in ("view", "sex", "frame", "corners", "thumbnail"):
        assert found[name].auc.low < 0.5 < found[name].auc.high, name
        assert found[name].n == 80  # val studies


def test_what_every_image_has_alike_is_not_assessed():
    found = probes(image_rows())

    alike = ("portable", "manufacturer", "source", "year", "size", "intensity")
    assert [found[name].auc for name in alike] == [None] * 6


def test_a_vendor_that_follows_the_label_is_found():
    rows = image_rows()
    vendor = np.where(rows.abnormal, "Gamma", "Alpha")
    vendor[::10] = "Alpha"

    found = probes(rows.assign(manufacturer=vendor))

    assert found["manufacturer"].auc.low > 0.75
    assert found["view"].auc.low < 0.5


def test_a_marker_in_the_corner_is_found_by_corners_and_not_by_size():
    rows = image_rows()
    grey = thumbnails(rows)
    grey[rows.abnormal.to_numpy(), 2 * 16 + 2] += 1  # inside the corner, off the frame

    found = probes(rows, grey)

    assert found["corners"].auc.low > 0.9
    assert found["frame"].auc.low < 0.6


@pytest.mark.parametrize(("at", "found_there"), [(2, True), (3, False)])
def test_corners_are_three_of_sixteen_pixels_wide(at, found_there):
    rows = image_rows()
    grey = thumbnails(rows)
    grey[rows.abnormal.to_numpy(), at * 16 + at] += 1

    assert (probes(rows, grey)["corners"].auc.low > 0.9) is found_there


def test_a_mark_at_the_middle_of_an_edge_is_found_by_the_frame_and_not_by_corners():
    rows = image_rows()
    grey = thumbnails(rows)
    grey[rows.abnormal.to_numpy(), 8] += 1  # row 0, column 8 of 16

    found = probes(rows, grey)

    assert found["frame"].auc.low > 0.9
    assert found["corners"].auc.low < 0.6


@pytest.mark.parametrize("column", ["rows", "p50"])
def test_numbers_of_the_file_are_read(column):
    rows = image_rows()
    rows[column] = np.where(rows.abnormal, 2000, 1000) / (
        1 if column == "rows" else 1e4
    )

    found = probes(rows)

    assert found["size" if column == "rows" else "intensity"].auc.low > 0.9


def test_inflation_is_asked_for_every_attribute_of_acquisition():
    found = {each.name: each for each in measure_inflation(make_studies(200))}

    assert list(found) == ["view", "portable", "manufacturer", "source", "year"]
    assert found["source"].inflation is None  # one source
    assert found["manufacturer"].inflation.high < 0.1


def test_what_an_embedding_knows_stands_beside_a_guess():
    rows = image_rows()
    noise = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)

    found = {each.name: each for each in measure_told_apart(rows, noise)}

    assert found["view"].guess == pytest.approx(0.5, abs=0.01)
    assert found["view"].share.low < 0.55
    assert found["manufacturer"].share is None
