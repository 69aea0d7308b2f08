"""Points of the curves that plots draw."""

from dataclasses import dataclass

from sklearn.metrics import precision_recall_curve, roc_curve

from cxrmlops.evaluation.statistics.intervals import Bools, Floats


@dataclass(frozen=True)
class Curve:
    """A line in the unit square, corners only."""

    x: Floats
    y: Floats


def roc(score: Floats, abnormal: Bools) -> Curve:
    """Draw recall of ASF (y) against false alarms, 1 - recall of NSF (x)."""
    wrong, found, _ = roc_curve(abnormal, score, drop_intermediate=True)
    return Curve(wrong, found)


def precision_recall(score: Floats, abnormal: Bools) -> Curve:
    """Draw precision of ASF (y) against its recall (x), as steps from the left.

    The empty corner at recall 0, which no threshold reaches, is left out.
    """
    precision, found, _ = precision_recall_curve(
        abnormal, score, drop_intermediate=True
    )
    return Curve(found[:-1][::-1], precision[:-1][::-1])
