import numpy as np
import pytest

from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.promotion.non_inferiority import not_assessed, not_worse
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint
from tests.make import make_studies

POINTS = (OperatingPoint(BALANCED, 0.5, ""), OperatingPoint(HIGH_SENSITIVITY, 0.2, ""))
GOOD = make_studies(400, separation=2.5)


def reading(frame):
    return frame, POINTS


def spoilt(share: float):
    """The same studies, some of them answered by lot."""
    rng = np.random.default_rng(1)
    by_lot = rng.random(len(GOOD)) < share
    logit = np.where(by_lot, rng.normal(size=len(GOOD)), GOOD.logit)
    return GOOD.assign(logit=logit, probability=1 / (1 + np.exp(-logit)))


def test_a_model_is_not_worse_than_itself():
    gate, told = not_worse(reading(GOOD), reading(GOOD), max_auc_loss=0.0)

    assert (gate.verdict, gate.value, gate.n) == ("pass", 0.0, 400)
    assert told["answers"]["balanced.asf"]["only_champion_right"] == 0


def test_a_clearly_worse_model_fails_by_its_lower_bound():
    gate, told = not_worse(reading(spoilt(0.3)), reading(GOOD), max_auc_loss=0.02)

    paired = auc_difference(
        spoilt(0.3).logit, GOOD.logit, GOOD.abnormal, GOOD.patient_id
    )
    assert gate.verdict == "fail"
    assert gate.value == paired.interval.low < -0.02
    assert "below the margin of -0.0200" in gate.reason
    answers = told["answers"]["balanced.nsf"]
    assert answers["only_champion_right"] > answers["only_candidate_right"]


def test_a_better_model_passes():
    gate, _ = not_worse(reading(GOOD), reading(spoilt(0.3)), max_auc_loss=0.0)

    assert gate.verdict == "pass"


def test_rows_in_another_order_are_the_same_studies_and_fewer_are_not():
    shuffled = GOOD.sample(frac=1, random_state=2)

    gate, _ = not_worse(reading(shuffled), reading(GOOD), max_auc_loss=0.0)
    assert gate.value == 0.0
    with pytest.raises(DataError, match="1 test studies were read by one"):
        not_worse(reading(GOOD[1:]), reading(GOOD), max_auc_loss=0.0)


def test_what_cannot_be_compared_is_no_pass():
    assert not_assessed("why", max_auc_loss=0.02).verdict == "not_assessed"


def test_a_probability_at_the_threshold_is_an_answer_of_asf():
    at = GOOD.assign(probability=0.5)  # of the balanced operating point
    _, told = not_worse(reading(at), reading(GOOD), max_auc_loss=1.0)

    missed = int((GOOD.abnormal & (GOOD.probability < 0.5)).sum())
    assert missed > 0
    assert told["answers"]["balanced.asf"]["only_candidate_right"] == missed
