import numpy as np
import pytest

from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.records.tables import STUDIES
from cxrmlops.vocabulary.findings import study_probability
from tests.make import make_splits


def two_images_a_study():
    images = make_splits(patients=6, per_patient=2)
    return images.assign(study_id=images.patient_id)


@pytest.mark.parametrize("rule", ["max", "mean"])
def test_a_study_gets_what_the_rule_says_of_its_images(rule):
    images = two_images_a_study()
    probability = np.linspace(0, 1, len(images))

    studies = join_studies(images, probability - 0.5, probability, rule=rule)

    STUDIES.check(studies)
    assert studies.n_images.tolist() == [2] * 6
    expected = [study_probability(pair, rule) for pair in probability.reshape(6, 2)]
    np.testing.assert_allclose(studies.probability, expected)


def test_the_order_of_images_changes_nothing():
    images = two_images_a_study()
    images["view"] = ["PA", "AP"] * 6
    probability = np.random.default_rng(0).random(len(images))
    turned = np.random.default_rng(1).permutation(len(images))

    straight = join_studies(images, probability, probability, rule="max")
    mixed = join_studies(
        images.iloc[turned], probability[turned], probability[turned], rule="max"
    )

    assert straight.equals(mixed)


def test_no_images_give_no_studies():
    images = two_images_a_study().head(0)

    studies = join_studies(images, np.zeros(0), np.zeros(0), rule="max")

    assert len(studies) == 0
    STUDIES.check(studies)
