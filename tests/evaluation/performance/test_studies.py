import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxrmlops.evaluation.performance.studies import join_scores, join_studies
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.reliability import calibration_line
from cxrmlops.records.tables import STUDIES
from tests.make import make_splits


def two_images_a_study():
    images = make_splits(patients=6, per_patient=2)
    return images.assign(study_id=images.patient_id)


@pytest.mark.parametrize("rule", ["max", "mean"])
def test_a_study_gets_what_the_rule_says_of_its_images(rule):
    images = two_images_a_study()
    logit = np.linspace(-4, 3, len(images)) ** 3 / 8

    studies = join_studies(images, logit, rule=rule, temperature=1.5)

    STUDIES.check(studies)
    assert studies.n_images.tolist() == [2] * 6
    joined = {"max": np.max, "mean": np.mean}[rule](logit.reshape(6, 2), axis=1)
    np.testing.assert_allclose(studies.logit, joined)
    np.testing.assert_allclose(studies.probability, expit(joined / 1.5))


@pytest.mark.integration
@pytest.mark.parametrize("rule", ["max", "mean"])
def test_what_val_calibrates_is_calibrated_where_it_is_applied(rule):
    """Half of the studies have two images, each with a part of its own."""
    rng = np.random.default_rng(0)
    n = 4000
    study = np.concatenate([np.arange(n), np.arange(0, n, 2)])
    is_asf = np.arange(n) % 4 < 2
    shown = rng.normal(size=n) * np.sqrt(0.75) + 2.4 * is_asf
    logit = 4 * (shown[study] + 0.5 * rng.normal(size=len(study)) - 1.2)
    images = make_splits(patients=len(study)).assign(
        study_id=pd.array([f"s{k:05}" for k in study], dtype="string"),
        abnormal=is_asf[study],
        split="val",
    )
    plain = join_studies(images, logit, rule=rule, temperature=1.0)
    fitted = fit_temperature(plain.logit, plain.abnormal, plain.split)

    applied = join_studies(
        images, logit + fitted.shift, rule=rule, temperature=fitted.temperature
    )

    line = calibration_line(
        applied.probability.to_numpy(), is_asf, np.arange(n)
    )  # mean of probabilities: slope 1.05
    assert line["calibration_slope"].value == pytest.approx(1, abs=0.005)
    assert line["calibration_intercept"].value == pytest.approx(0, abs=0.005)


def test_scores_of_another_reader_are_joined_as_logits():
    images = two_images_a_study()
    score = np.tile([0.1, 0.9], 6)

    studies = join_scores(images, score, rule="mean")

    np.testing.assert_allclose(studies.probability, 0.5)


def test_the_order_of_images_changes_nothing():
    images = two_images_a_study()
    images["view"] = ["PA", "AP"] * 6
    probability = np.random.default_rng(0).random(len(images))
    turned = np.random.default_rng(1).permutation(len(images))

    straight = join_scores(images, probability, rule="max")
    mixed = join_scores(images.iloc[turned], probability[turned], rule="max")

    assert straight.equals(mixed)


def test_no_images_give_no_studies():
    images = two_images_a_study().head(0)

    studies = join_studies(images, np.zeros(0), rule="max", temperature=1.0)

    assert len(studies) == 0
    STUDIES.check(studies)
