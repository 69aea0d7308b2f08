import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.monitoring.expected import check_calibration, expect

BOUNDS = {"min_reported": 20, "max_slope_error": 0.4, "max_intercept_error": 0.5}


def reported(logit: np.ndarray, said: np.ndarray, *, seed: int = 1) -> pd.DataFrame:
    """Draw labels from one logit and let the model say another."""
    true, told = (1 / (1 + np.exp(-each)) for each in (logit, said))
    is_asf = np.random.default_rng(seed).random(len(logit)) < true
    return pd.DataFrame(
        {
            "study_id": [str(i) for i in range(len(logit))],
            "probability": told,
            "conclusion": np.where(is_asf, "ASF", "NSF"),
        }
    )


def logits(n: int = 1500) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, n)


def test_probabilities_that_mean_what_they_say_hold():
    found = check_calibration(reported(logits(), logits()), **BOUNDS)

    assert found.verdict == "holds"
    assert found.slope.low < 1 < found.slope.high
    assert found.n == 1500


def test_a_model_that_is_too_sure_is_refused_by_its_slope():
    found = check_calibration(reported(logits(), 2 * logits()), **BOUNDS)

    assert found.verdict == "refused"
    assert found.reason.startswith("calibration slope 0.")


def test_another_share_of_abnormal_studies_is_refused_by_the_intercept():
    found = check_calibration(reported(logits() - 1.5, logits()), **BOUNDS)

    assert found.verdict == "refused"
    assert "calibration intercept -1." in found.reason


def test_few_reports_check_nothing():
    found = check_calibration(reported(logits(30), logits(30)), **BOUNDS)

    assert found.verdict == "not_assessed"
    assert "20 are asked" in found.reason


def test_an_interval_that_reaches_out_of_what_is_allowed_tells_nothing():
    found = check_calibration(reported(logits(80), logits(80)), **BOUNDS)

    assert found.verdict == "not_assessed"
    assert found.reason.endswith("too few to tell")


def test_classes_told_apart_completely_give_no_line():
    far = np.repeat([-30.0, 30.0], 40)

    found = check_calibration(reported(far, far), **BOUNDS)

    assert found.verdict == "not_assessed"


def test_expected_figures_agree_with_labels_drawn_from_the_probabilities():
    rows = reported(logits(4000), logits(4000), seed=5)
    is_asf, probability = rows.conclusion == "ASF", rows.probability.to_numpy()

    found = expect(probability, threshold=0.5, why="")

    assert found.auc.value == pytest.approx(
        roc_auc_score(is_asf, probability), abs=0.02
    )
    assert found.recall_asf.value == pytest.approx(
        (probability[is_asf] >= 0.5).mean(), abs=0.03
    )
    assert found.prevalence.value == pytest.approx(is_asf.mean(), abs=0.03)
    assert found.auc.low < found.auc.value < found.auc.high


def test_a_reason_against_it_leaves_no_figure():
    found = expect(np.array([0.1, 0.9]), threshold=0.5, why="calibration is refused")

    assert found.auc is found.recall_asf is found.prevalence is None
    assert found.why == "calibration is refused"


def test_no_answer_gives_no_figure():
    assert expect(np.array([]), threshold=0.5, why="").why.startswith("no study")
