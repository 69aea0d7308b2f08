"""Operating points, chosen on the validation set and on nothing else."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cxrmlops.data.split_membership import check_fitting_rows
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint

Floats = npt.NDArray[np.float64]


def choose_points(
    probability: npt.ArrayLike,
    abnormal: npt.ArrayLike,
    split: npt.ArrayLike,
    *,
    high_sensitivity: float,
) -> tuple[OperatingPoint, OperatingPoint]:
    """Choose the balanced and the high-sensitivity threshold on the validation set.

    A threshold lies midway between two neighbouring probabilities of val, so that the
    last digit of one study moves no answer. The same rows in any order give the same
    points.

    Args:
        probability: shape (n_studies,), calibrated probability of ASF, 0-1.
        abnormal: shape (n_studies,), bool, ASF stated in the report.
        split: shape (n_studies,), every one "val".
        high_sensitivity: recall of ASF that the rule-out point must reach on val, 0-1.

    Returns:
        The balanced point, where both recalls are closest (a tie goes to the higher
        sum, then to the lower threshold), and the high-sensitivity point, the highest
        threshold that reaches the recall asked. The second never lies above the first:
        where balanced reaches the recall asked, both are the same threshold.

    Raises:
        LeakError: a row does not belong to val.
        DataError: val lacks one of the classes, or a probability is not a number.
    """
    score = np.asarray(probability, dtype=np.float64)
    is_asf = np.asarray(abnormal, dtype=bool)
    check_fitting_rows(
        score, is_asf, split, what="thresholds", measured="probabilities"
    )
    candidate = _between(np.unique(score))
    found, right = _recalls(score, is_asf, candidate)
    balanced = _balanced(candidate, found, right)
    enough = candidate[found >= high_sensitivity - 1e-9].max()
    return (
        OperatingPoint(
            BALANCED,
            float(balanced),
            "threshold at which the recalls of ASF and of NSF on the validation set "
            "are closest",
        ),
        OperatingPoint(
            HIGH_SENSITIVITY,
            float(min(enough, balanced)),
            f"highest threshold that finds at least {high_sensitivity:.1%} of ASF "
            "on the validation set",
        ),
    )


def moved(frozen: Sequence[OperatingPoint], chosen: Sequence[OperatingPoint]) -> float:
    """Return how far frozen thresholds are from those of val: 0-1, 0 is alike."""
    there = {point.name: point.threshold for point in chosen}
    return max(abs(p.threshold - there.get(p.name, np.inf)) for p in frozen)


def _between(values: Floats) -> Floats:
    """Thresholds that tell neighbours apart, from "all are ASF" upwards."""
    lower, upper = values[:-1], values[1:]
    middle = lower + (upper - lower) / 2
    # two floats without a third between them: the upper one still separates
    middle = np.where(middle > lower, middle, upper)
    return np.concatenate([[values[0] / 2], middle])


def _recalls(
    score: Floats, is_asf: npt.NDArray[np.bool_], threshold: Floats
) -> tuple[Floats, Floats]:
    asf, nsf = np.sort(score[is_asf]), np.sort(score[~is_asf])
    found = 1 - np.searchsorted(asf, threshold, side="left") / len(asf)
    right = np.searchsorted(nsf, threshold, side="left") / len(nsf)
    return found, right


def _balanced(candidate: Floats, found: Floats, right: Floats) -> float:
    gap = np.round(np.abs(found - right), 12)
    closest = gap == gap.min()
    total = np.where(closest, np.round(found + right, 12), -np.inf)
    return float(candidate[np.argmax(total)])  # the first, lowest, of equals
