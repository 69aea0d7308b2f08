import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from cxrmlops.evaluation.performance.epoch_choice import study_judge
from tests.make import make_splits


def make_val(*, patients: int = 400, per_study: int = 2, seed: int = 0):
    images = make_splits(patients=patients, per_patient=per_study)
    images = images.assign(split="val", study_id="S" + images.patient_id)
    rng = np.random.default_rng(seed)
    logit = 1.5 * images.abnormal.to_numpy() + rng.normal(0, 1, len(images))
    return images, logit.astype(np.float32)


def test_the_loss_is_that_of_studies_after_the_best_temperature_and_shift():
    images, logit = make_val()

    loss, auc = study_judge(images, rule="max")(logit)

    joined = (
        images.assign(logit=logit)
        .groupby("study_id")
        .agg({"logit": "max", "abnormal": "first"})
    )
    x, y = joined[["logit"]].to_numpy(), joined.abnormal.to_numpy()
    free = LogisticRegression(C=1e9).fit(x, y)  # slope and intercept, unpenalised
    assert loss == pytest.approx(log_loss(y, free.predict_proba(x)), abs=1e-3)
    assert auc == pytest.approx(roc_auc_score(y, x[:, 0]))


def test_weights_that_are_only_too_sure_or_moved_are_no_worse():
    images, logit = make_val()
    judge = study_judge(images, rule="max")

    assert judge(3 * logit + 2)[0] == pytest.approx(judge(logit)[0], abs=3e-3)
    assert judge(3 * logit + 2)[1] == judge(logit)[1]


def test_weights_that_know_less_are_worse():
    images, logit = make_val()
    judge = study_judge(images, rule="mean")
    noisy = logit + np.random.default_rng(1).normal(0, 2, len(logit))

    assert judge(noisy)[0] > judge(logit)[0] + 0.05
    assert judge(noisy)[1] < judge(logit)[1]


def test_the_order_of_rows_is_that_of_the_logits():
    images, logit = make_val()
    order = np.random.default_rng(2).permutation(len(images))

    mixed = study_judge(images.iloc[order], rule="max")(logit[order])

    assert mixed == pytest.approx(study_judge(images, rule="max")(logit))
