"""
The question and its answers.

A study shows *no significant finding* (NSF) or *any significant finding* (ASF). The
network gives the probability of ASF; an operating point turns it into an answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from cxrmlops.system.errors import DataError


class Finding(StrEnum):
    """The two answers."""

    NSF = "NSF"
    ASF = "ASF"


class Result(StrEnum):
    """What both operating points together say of a study, as reports code it."""

    NORMAL = "normal"  # NSF at both points
    EQUIVOCAL = "equivocal"  # the points contradict each other, the balanced says NSF
    ABNORMAL = "abnormal"  # ASF at the balanced point


WORDING = {
    Finding.NSF: "no significant finding",
    Finding.ASF: "any significant finding",
}

BALANCED = "balanced"  # the source study's kind of point: both recalls alike
HIGH_SENSITIVITY = "high_sensitivity"  # rule-out: few abnormals are missed


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold with the rule that found it on the validation set."""

    name: str  # BALANCED or HIGH_SENSITIVITY
    threshold: float  # probability 0-1; at or above it the answer is ASF
    rule: str  # one sentence, printed in reports


def answer(probability: float, point: OperatingPoint) -> Finding:
    """Answer the question at one operating point.

    Raises:
        DataError: the probability is no number from 0 to 1; that is no answer.
    """
    _require_probability(probability)
    return Finding.ASF if probability >= point.threshold else Finding.NSF


def result(
    probability: float, balanced: OperatingPoint, high_sensitivity: OperatingPoint
) -> Result:
    """Join the answers at both points: only what neither suspects is normal.

    Raises:
        DataError: as `answer`.
    """
    if answer(probability, balanced) is Finding.ASF:
        return Result.ABNORMAL
    if answer(probability, high_sensitivity) is Finding.ASF:
        return Result.EQUIVOCAL
    return Result.NORMAL


STUDY_RULES: dict[str, Callable[[Sequence[float]], float]] = {"max": max, "mean": fmean}


def study_probability(probabilities: Sequence[float], rule: str) -> float:
    """Join the probabilities of a study's frontal images into one.

    The same rule serves training, evaluation and the nightly run.

    Args:
        probabilities: one per scored image, at least one, each 0-1.
        rule: `max` (any image abnormal makes the study abnormal) or `mean`.

    Raises:
        DataError: one is no number from 0 to 1.
    """
    for probability in probabilities:
        _require_probability(probability)
    return float(STUDY_RULES[rule](probabilities))


def _require_probability(probability: float) -> None:
    if not 0 <= probability <= 1:  # also where it is NaN
        raise DataError(
            f"the network's probability is {probability}, no number from 0 to 1; the "
            "model cannot be used, train or fetch it again"
        )
