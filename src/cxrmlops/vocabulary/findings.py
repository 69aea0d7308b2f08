"""
The question and its answers.

A study shows *no significant finding* (NSF) or *any significant finding* (ASF). The
network gives the probability of ASF; an operating point turns it into an answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, tanh
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


def study_logit(logits: Sequence[float], rule: str) -> float:
    """Join the logits of a study's frontal images into one.

    The same rule serves training, evaluation and the nightly run. Logits are joined
    and what they give is calibrated, since it is such joined logits that temperature
    and shift were fitted on: the mean of probabilities would be calibrated by neither.

    Args:
        logits: one per scored image, at least one.
        rule: `max` (any image abnormal makes the study abnormal) or `mean`.

    Raises:
        DataError: one is no number.
    """
    if not all(map(isfinite, logits)):
        raise DataError(
            "the network gives a logit that is no number; the model cannot be used, "
            "train or fetch it again"
        )
    return float(STUDY_RULES[rule](logits))


def study_probability(logits: Sequence[float], rule: str, temperature: float) -> float:
    """Return the calibrated probability of a study, from its images' logits.

    Args:
        logits: one per scored image, at least one.
        rule: as `study_logit`.
        temperature: of the model.

    Raises:
        DataError: as `study_logit`.
    """
    return calibrated_logit(study_logit(logits, rule), temperature)


def calibrated_logit(logit: float, temperature: float) -> float:
    """Turn a logit into a probability of ASF, 0-1."""
    return 0.5 * (1 + tanh(logit / temperature / 2))  # sigmoid without overflow


def _require_probability(probability: float) -> None:
    if not 0 <= probability <= 1:  # also where it is NaN
        raise DataError(
            f"the network's probability is {probability}, no number from 0 to 1; the "
            "model cannot be used, train or fetch it again"
        )
