import numpy as np
import pytest

from cxrmlops.evaluation.examination.robustness import measure_change
from tests.make import make_studies
from tests.make_records import estimate


def test_nothing_changed_is_no_change():
    studies = make_studies(100, split="val")

    found = measure_change("JPEG", studies, studies)

    assert (found.name, found.n) == ("JPEG", 100)
    assert (found.median, found.p95) == (0, 0)
    assert found.auc_change == estimate(0, 0, 0, n=100)


def test_answers_that_fall_to_noise_lose_auc():
    before = make_studies(200, split="val")
    noise = np.random.default_rng(0).random(200)

    found = measure_change("corners masked", before, before.assign(probability=noise))

    assert found.auc_change.high < -0.3
    moved = np.abs(noise - before.probability)
    assert found.median == pytest.approx(np.median(moved))
    assert found.p95 == pytest.approx(np.quantile(moved, 0.95))


def test_one_class_alone_has_no_auc():
    studies = make_studies(100, split="val")
    normal = studies[~studies.abnormal]

    assert measure_change("JPEG", normal, normal).auc_change is None
