from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.pictures import read_squares
from benchmarks.recipes import deal
from cxrmlops.evaluation.examination.outside_parts import PARTS, measure_excess
from cxrmlops.evaluation.examination.shortcuts import measure_shortcuts
from cxrmlops.evaluation.performance.thumbnail import shrink
from cxrmlops.params import load_params
from tests.make import make_index, make_splits

pytestmark = pytest.mark.integration

BOUND = load_params().gate.max_shortcut_excess


def cohort(patients=1200):
    """Build films whose inside follows the label a little, the frame through it."""
    images = make_splits(patients=patients)
    images = images[images.split != "test"].reset_index(drop=True)
    rng = np.random.default_rng(0)
    habitus = rng.normal(size=len(images)) + 1.2 * images.abnormal
    noise = rng.normal(0, 0.05, (len(images), 256))
    grey = 0.5 + 0.08 * habitus.to_numpy()[:, None] + noise
    return images, np.clip(grey, 0, 1).astype(np.float32)


def marked(images, grey, *, share, cell):
    marker = np.random.default_rng(1).random(len(images)) < share
    made = grey.copy()
    made[images.abnormal & marker, cell] = 1
    return made


def test_outside_parts_that_show_the_patient_add_nothing():
    images, grey = cohort()

    found = measure_excess(images, grey, rule="max")

    for name in PARTS:
        assert found[name].low < 0 < found[name].high + 0.01, name
        assert found[name].high < BOUND, name


@pytest.mark.parametrize(("cell", "parts"), [(0, ["frame", "corners"]),
                                             (2 * 16 + 2, ["corners"]),
                                             (8, ["frame"])])  # fmt: skip
def test_a_marker_adds_to_what_the_patient_shows_where_it_lies(cell, parts):
    images, grey = cohort()

    found = measure_excess(
        images, marked(images, grey, share=0.6, cell=cell), rule="max"
    )

    refused = [name for name in PARTS if found[name].high > BOUND]
    assert refused == parts


def test_labels_of_val_are_not_learnt_from():
    images, grey = cohort(400)
    val = images.split == "val"
    turned = images.assign(abnormal=images.abnormal ^ val)

    one, two = (measure_excess(rows, grey, rule="max") for rows in (images, turned))

    for name in PARTS:  # the same answers, the AUC turned round
        assert one[name].value == pytest.approx(-two[name].value)


def real_films(folder):
    """Return NIH's balanced films, a fifth of the patients as val; their thumbnails."""
    table = pd.read_csv(folder / "manifest.csv")
    table = table[table.balanced == 1].reset_index(drop=True)
    images = make_splits(patients=len(table)).assign(
        patient_id=table.patient_id.astype("string"),
        abnormal=table.label == 1,
        split=np.where(deal(table.patient_id.to_numpy()) == 0, "val", "train"),
        view=table["view"].astype("string"),
        sex=table.sex.astype("string"),
        age_years=table.age.astype("float64"),
    )
    numbers = make_index(images).drop(columns=["shard", "row", "pixel_hash"])
    numbers = numbers.drop(columns=["perceptual_hash"])
    grey = shrink(read_squares(table, folder, size=128))
    return images.merge(numbers, on="image_id"), grey


def test_a_real_cohort_is_not_refused_for_its_patients_shoulders(real_data: Path):
    images, grey = real_films(real_data / "real_cxr" / "open")

    probes = {p.name: p for p in measure_shortcuts(images, grey, rule="max")}
    planted = measure_excess(
        images, marked(images, grey, share=0.6, cell=2 * 16 + 2), rule="max"
    )

    for name in PARTS:
        assert probes[name].auc.high > load_params().gate.max_shortcut_auc
        assert probes[name].excess.high <= BOUND
    assert planted["corners"].high > 2 * BOUND
