"""Points of the lines that the evaluation report draws."""

import numpy as np

from cxrmlops.evaluation.performance.figures import Predictions
from cxrmlops.evaluation.statistics.curves import precision_recall, roc
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.prevalence import net_benefit
from cxrmlops.evaluation.statistics.reliability import reliability
from cxrmlops.records.metrics import DecisionCurve, RankingCurves, ReliabilityBin

THRESHOLDS = np.linspace(0.01, 0.99, 99)  # of the decision curve


def ranking_curves(read: Predictions) -> RankingCurves:
    """Return the ROC and the curve of precision and recall."""
    return RankingCurves(
        roc=roc(read.probability, read.abnormal),
        precision_recall=precision_recall(read.probability, read.abnormal),
    )


def reliability_bins(read: Predictions, *, bins: int) -> tuple[ReliabilityBin, ...]:
    """Compare the predicted with the observed share of ASF, bin by bin."""
    table = reliability(read.probability, read.abnormal, read.patient, bins=bins)
    return tuple(
        ReliabilityBin(predicted=each.predicted, observed=observed)
        for each in table
        if (observed := estimate(each.observed)) is not None
    )


def decision_curve(read: Predictions) -> DecisionCurve:
    """Return the net benefit of acting on the model, and of reading all as ASF."""
    all_flagged = np.ones(len(read))
    return DecisionCurve(
        threshold=tuple(THRESHOLDS),
        model=tuple(net_benefit(read.probability, read.abnormal, THRESHOLDS)),
        everyone=tuple(net_benefit(all_flagged, read.abnormal, THRESHOLDS)),
    )
