"""Points of the curves that plots draw."""

from sklearn.metrics import precision_recall_curve, roc_curve

from cxrmlops.evaluation.statistics.intervals import Bools, Floats
from cxrmlops.records.metrics import Curve


def roc(score: Floats, abnormal: Bools) -> Curve:
    """Draw recall of ASF (y) against false alarms, 1 - recall of NSF (x)."""
    wrong, found, _ = roc_curve(abnormal, score, drop_intermediate=True)
    return Curve(x=tuple(wrong), y=tuple(found))


def precision_recall(score: Floats, abnormal: Bools) -> Curve:
    """Draw precision of ASF (y) against its recall (x), as steps from the left.

    The empty corner at recall 0, which no threshold reaches, is left out.
    """
    precision, found, _ = precision_recall_curve(
        abnormal, score, drop_intermediate=True
    )
    return Curve(x=tuple(found[:-1][::-1]), y=tuple(precision[:-1][::-1]))
