import pytest

from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.promotion.score_shift import differences, own_thresholds, panel
from cxrmlops.system.errors import LeakError
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint
from tests.make import make_studies

VAL = make_studies(120, split="val")
OWN = choose_points(VAL.probability, VAL.abnormal, VAL.split, high_sensitivity=0.98)


def points(balanced: float, high_sensitivity: float):
    return (
        OperatingPoint(BALANCED, balanced, ""),
        OperatingPoint(HIGH_SENSITIVITY, high_sensitivity, ""),
    )


OLD = points(0.5, 0.2)


def test_each_model_answers_at_its_own_threshold():
    old, new = [0.1, 0.3, 0.6, 0.9], [0.3, 0.3, 0.4, 0.9]

    moved = differences(old, new, OLD, points(0.7, 0.35))
    rows = panel(old, new, OLD, points(0.7, 0.35))

    assert moved["n"] == 4
    assert moved["largest_difference"] == pytest.approx(0.2)
    assert moved["mean_difference"] == pytest.approx(0.0)
    assert moved["flips"] == {
        "balanced": {"to_asf": 0, "to_nsf": 1},
        "high_sensitivity": {"to_asf": 0, "to_nsf": 1},
    }
    assert [row["flips"] for row in rows] == [
        [],
        ["high_sensitivity"],
        ["balanced"],
        [],
    ]
    assert rows[0] | {"flips": []} == {
        "image": 1, "old": 0.1, "new": 0.3, "difference": 0.2, "flips": [],
    }  # fmt: skip


def test_thresholds_of_its_own_val_pass_and_stand_beside_the_old():
    gate, told = own_thresholds(OWN, OLD, VAL, high_sensitivity=0.98)

    assert gate.verdict == "pass"
    assert told["balanced"]["old"] == 0.5
    assert told["balanced"]["new"] == told["balanced"]["chosen_again"]


def test_thresholds_carried_over_are_refused_by_that_name():
    gate, told = own_thresholds(OLD, OLD, VAL, high_sensitivity=0.98)

    assert gate.verdict == "fail"
    assert "the champion's, carried over" in gate.reason
    assert "dvc repro train" in gate.reason
    assert told["balanced"]["chosen_again"] == OWN[0].threshold


def test_thresholds_from_elsewhere_are_refused():
    gate, _ = own_thresholds(points(0.6, 0.1), OLD, VAL, high_sensitivity=0.98)

    assert gate.verdict == "fail"
    assert "not its own val's" in gate.reason


def test_thresholds_are_never_chosen_on_test():
    with pytest.raises(LeakError):
        own_thresholds(OWN, OLD, VAL.assign(split="test"), high_sensitivity=0.98)
