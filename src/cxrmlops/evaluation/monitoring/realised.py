"""What the answers were worth, month by month, as far as reports have arrived."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cxrmlops.evaluation.performance.figures import Predictions, confusion
from cxrmlops.evaluation.statistics.agreement import cohen_kappa
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import Interval, proportion
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.records.metrics import Confusion
from cxrmlops.records.watch import Month
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint

LABELS = ("NSF", "ASF")


def months(
    answers: pd.DataFrame, points: Iterable[OperatingPoint], *, min_reported: int
) -> list[Month]:
    """Return each month's figures, newest first.

    Args:
        answers: one row per scored study: night (YYYY-MM-DD), study_id, probability,
            and conclusion ("" no report yet; else NSF, ASF, uncertain or disputed).
        points: operating points of the model.
        min_reported: studies of each class; with fewer a month is not assessed.
    """
    threshold = {point.name: point.threshold for point in points}
    by_month = answers.groupby(answers.night.str[:7])
    return [
        _month(str(name), rows, threshold, min_reported)
        for name, rows in sorted(by_month, key=lambda each: str(each[0]), reverse=True)
    ]


def labelled(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the answers whose report commits itself."""
    return answers[answers.conclusion.isin(LABELS)]


def kappa(table: Confusion) -> Interval | None:
    """Return Cohen's kappa of answer and report (Fleiss, Cohen and Everitt 1969)."""
    return cohen_kappa(
        [
            [table.asf_found, table.asf_missed],
            [table.nsf_false_alarm, table.nsf_right],
        ]
    )


def _month(
    name: str, rows: pd.DataFrame, threshold: dict[str, float], least: int
) -> Month:
    known = labelled(rows)
    is_asf = (known.conclusion == "ASF").to_numpy(bool)
    n_asf, n_nsf = int(is_asf.sum()), int((~is_asf).sum())
    enough = min(n_asf, n_nsf) >= least
    probability = known.probability.to_numpy(np.float64)
    study = known.study_id.to_numpy(object)  # patients are not known at night
    table = confusion(Predictions(probability, is_asf, study), threshold[BALANCED])

    def recall(of: np.ndarray, point: str, answer: bool) -> Interval | None:
        flagged = probability >= threshold[point]
        return proportion((flagged == answer)[of], study[of]) if enough else None

    return Month(
        month=name,
        n_scored=len(rows),
        n_reported=int((rows.conclusion != "").sum()),
        n_asf=n_asf,
        n_nsf=n_nsf,
        n_unlabelled=int((rows.conclusion != "").sum()) - len(known),
        why="" if enough else f"{n_asf} ASF and {n_nsf} NSF, {least} of each are asked",
        auc=estimate(auc_interval(probability, is_asf, study)) if enough else None,
        recall_asf=estimate(recall(is_asf, BALANCED, True)),
        recall_nsf=estimate(recall(~is_asf, BALANCED, False)),
        recall_asf_high_sensitivity=estimate(recall(is_asf, HIGH_SENSITIVITY, True)),
        kappa=estimate(kappa(table)) if enough else None,
        confusion=table,
    )
