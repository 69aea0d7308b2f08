import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.examination.probes import (
    FOLDS,
    classify_source,
    read_grey,
    read_level,
    read_numbers,
)

N = 240


def label(n=N):
    return np.arange(n) % 2 == 0, np.arange(n) < n // 2


def test_a_level_is_answered_by_its_share_shrunk_to_the_overall_one():
    abnormal = np.array([True, True, True, False, False, False, True])
    learnt = np.array([True] * 6 + [False])
    level = pd.Series(["A", "A", "A", "B", "B", "B", "new"], dtype="string")

    answers = read_level(level, abnormal, learnt)

    # 3 of 3 and 0 of 3, with two films of the overall share .5 lent to each
    np.testing.assert_allclose(answers, [4 / 5] * 3 + [1 / 5] * 3 + [1 / 2])


def test_images_all_alike_give_no_answer():
    abnormal, learnt = label()

    assert read_level(pd.Series(["PA"] * N), abnormal, learnt) is None


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_numbers_that_follow_the_label_are_found_and_others_are_not(shift):
    abnormal, learnt = label(600)
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(600, 2)), columns=["mean", "std"])
    numbers["mean"] += shift * abnormal

    answers = read_numbers(numbers, abnormal, learnt)

    reached = roc_auc_score(abnormal[~learnt], answers[~learnt])
    assert reached > 0.85 if shift else 0.4 < reached < 0.6


def test_labels_of_images_not_learnt_from_are_not_looked_at():
    abnormal, learnt = label()
    grey = np.random.default_rng(0).random((N, 5)).astype(np.float32)
    grey[abnormal, 2] += 0.2
    patient = pd.Series(np.arange(N).astype(str))

    plain = read_grey(grey, abnormal, learnt, patient)
    turned = read_grey(grey, abnormal ^ ~learnt, learnt, patient)

    np.testing.assert_array_equal(plain, turned)
    assert roc_auc_score(abnormal[~learnt], plain[~learnt]) > 0.6


def test_too_few_patients_of_a_class_give_no_answer():
    abnormal, learnt = label(4)
    patient = pd.Series(["a", "b", "c", "d"])

    assert read_grey(np.ones((4, 2), np.float32), abnormal, learnt, patient) is None


def test_an_embedding_that_holds_the_vendor_gives_it_away():
    rng = np.random.default_rng(0)
    vendor = pd.Series(rng.choice(["Alpha", "Beta"], N))
    patient = pd.Series((np.arange(N) // 2).astype(str))
    embedding = rng.normal(size=(N, 8)).astype(np.float32)

    nothing, guess = classify_source(embedding, vendor, patient)
    embedding[:, 3] += 6 * (vendor == "Alpha").to_numpy()
    everything, _ = classify_source(embedding, vendor, patient)

    assert nothing.low < guess < nothing.high + 0.1
    assert everything.low > 0.95
    assert everything.n == N


def test_levels_too_rare_to_tell_apart_are_left_out():
    vendor = pd.Series(["Alpha"] * 230 + ["Rare"] * 10)
    one_patient = pd.Series([str(k) for k in range(230)] + ["x"] * 10)

    assert classify_source(np.ones((N, 2), np.float32), vendor, one_patient) is None


@pytest.mark.parametrize(
    ("images", "patients", "assessed"),
    [(10, 10, True), (9, 9, False), (10, FOLDS, True), (10, FOLDS - 1, False)],
)
def test_a_level_is_told_apart_from_ten_images_and_a_patient_per_fold_on(
    images, patients, assessed
):
    vendor = pd.Series(["Alpha"] * 40 + ["Rare"] * images)
    patient = pd.Series(
        [str(k) for k in range(40)] + [f"r{k % patients}" for k in range(images)]
    )
    embedding = np.random.default_rng(0).normal(size=(40 + images, 2))

    found = classify_source(embedding.astype(np.float32), vendor, patient)

    assert (found is not None) is assessed
