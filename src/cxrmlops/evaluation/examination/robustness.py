"""How far an answer moves when only the way a film is shown or stored changes."""

import numpy as np
import pandas as pd

from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.records.examination import AnswerChange


def measure_change(
    name: str, before: pd.DataFrame, after: pd.DataFrame
) -> AnswerChange:
    """Compare the answers about the same studies before and after a change.

    Args:
        name: of the change.
        before: STUDIES rows.
        after: STUDIES rows of the same studies, in the same order.

    Returns:
        The AUC's change is paired (DeLong), patient by patient.
    """
    moved = np.abs(after.probability.to_numpy() - before.probability.to_numpy())
    is_asf = before.abnormal.to_numpy(dtype=bool)
    change = None
    if is_asf.any() and not is_asf.all():
        change = auc_difference(
            after.probability, before.probability, is_asf, before.patient_id
        ).interval
    return AnswerChange(
        name=name,
        n=len(before),
        median=float(np.median(moved)),
        p95=float(np.percentile(moved, 95)),
        auc_change=estimate(change),
    )
