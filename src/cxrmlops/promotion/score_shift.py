"""From one version to the next: what moves on films that both have read.

Scores of two models are two scales. A threshold that is carried over from one to the
other answers another question (Lunit INSIGHT CXR 3.1 to 3.9; TorchXRayVision #88).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.gates.gate import SAME_THRESHOLD, gate_result
from cxrmlops.evaluation.statistics.thresholds import choose_points, moved
from cxrmlops.records.verdict import GateResult
from cxrmlops.vocabulary.findings import OperatingPoint

NAME = "bridge"  # of the gate
Points = Sequence[OperatingPoint]


def differences(
    old: npt.ArrayLike, new: npt.ArrayLike, old_points: Points, new_points: Points
) -> dict[str, Any]:
    """Sum up how scores and answers move from one model to the other.

    Args:
        old: shape (n,), probabilities of the model in use, n at least 1.
        new: shape (n,), probabilities of its successor on the same films or studies.
        old_points: operating points of the one.
        new_points: operating points of the other.

    Returns:
        n, mean and largest absolute difference, and the answers that flip at each
        point, each model at its own threshold.
    """
    before, after = np.asarray(old, float), np.asarray(new, float)
    return {
        "n": len(before),
        "mean_difference": float((after - before).mean()),
        "largest_difference": float(np.abs(after - before).max()),
        "flips": {
            name: {
                "to_asf": int((~was & now).sum()),
                "to_nsf": int((was & ~now).sum()),
            }
            for name, was, now in _answers(before, after, old_points, new_points)
        },
    }


def panel(
    old: npt.ArrayLike, new: npt.ArrayLike, old_points: Points, new_points: Points
) -> list[dict[str, Any]]:
    """Return one row per film: both probabilities, difference, points that flip.

    Args:
        old: shape (n,), probabilities of the model in use.
        new: shape (n,), probabilities of its successor on the same films.
        old_points: operating points of the one.
        new_points: operating points of the other.
    """
    before, after = np.asarray(old, float), np.asarray(new, float)
    answers = list(_answers(before, after, old_points, new_points))
    return [
        {
            "image": number + 1,
            "old": round(float(before[number]), 4),
            "new": round(float(after[number]), 4),
            "difference": round(float(after[number] - before[number]), 4),
            "flips": [n for n, was, now in answers if was[number] != now[number]],
        }
        for number in range(len(before))
    ]


def own_thresholds(
    new_points: Points,
    old_points: Points,
    val: pd.DataFrame,
    *,
    high_sensitivity: float,
) -> tuple[GateResult, dict[str, dict[str, float]]]:
    """Ask whether the successor's thresholds are those that its own val gives.

    Args:
        new_points: of the successor.
        old_points: of the model in use.
        val: STUDIES rows of val as the successor read them.
        high_sensitivity: recall of ASF asked of val at the rule-out point.

    Returns:
        The gate; and per point the old, the new and the threshold chosen again.

    Raises:
        LeakError: rows of another split.
    """
    chosen = choose_points(
        val.probability, val.abnormal, val.split, high_sensitivity=high_sensitivity
    )
    distance = moved(new_points, chosen)
    passed = distance <= SAME_THRESHOLD
    before = {point.name: point.threshold for point in old_points}
    again = {point.name: point.threshold for point in chosen}
    reason = "thresholds chosen anew on its own val"
    if not passed:
        carried = all(p.threshold == before.get(p.name) for p in new_points)
        whose = "the champion's, carried over" if carried else "not its own val's"
        reason = (
            f"its thresholds are {whose}: up to {distance:.4f} away from those that "
            "its val gives; train it again (dvc repro train), which chooses them"
        )
    gate = gate_result(NAME, distance, SAME_THRESHOLD, len(val), passed, reason)
    return gate, {
        point.name: {
            "old": before[point.name],
            "new": point.threshold,
            "chosen_again": again[point.name],
        }
        for point in new_points
    }


def _answers(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    old_points: Points,
    new_points: Points,
) -> list[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Return each point's name and both models' answers: is it ASF?"""
    threshold = {point.name: point.threshold for point in old_points}
    return [
        (p.name, before >= threshold[p.name], after >= p.threshold) for p in new_points
    ]
