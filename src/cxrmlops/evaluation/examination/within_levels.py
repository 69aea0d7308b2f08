"""
The AUC among studies alike: what is left of it when no shortcut can help.

A network that reads the vendor instead of the lung ranks well over all studies and not
at all among those of one vendor. The AUC within levels compares each abnormal study
with the normal ones of its own level (van Elteren's stratified rank sum, 1960; weights
by pairs), and the inflation is the AUC over all studies less that.
"""

import numpy as np
import pandas as pd

from cxrmlops.evaluation.performance.subgroups import MIN_PER_CLASS
from cxrmlops.evaluation.statistics.intervals import Interval, Z
from cxrmlops.evaluation.statistics.ranking import auc, standard_error


def auc_inflation(studies: pd.DataFrame, level: pd.Series) -> Interval | None:
    """Return how much of the AUC comes from differences between levels.

    The interval is paired, patient by patient; the weights of levels count as known.

    Args:
        studies: n_studies rows with `probability`, `abnormal`, `patient_id`.
        level: shape (n_studies,), a word each.

    Returns:
        AUC over all studies less AUC within levels, or None where there is one level
        only, or none with `MIN_PER_CLASS` studies of each class.
    """
    if level.nunique() < 2:
        return None
    score = studies.probability.to_numpy(dtype=np.float64)
    is_asf = studies.abnormal.to_numpy(dtype=bool)
    patient = studies.patient_id.to_numpy(dtype=str)
    names = level.to_numpy(dtype=str)
    parts = []
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        n_asf, n_nsf = int(is_asf[rows].sum()), int((~is_asf[rows]).sum())
        if min(n_asf, n_nsf) >= MIN_PER_CLASS:
            found = auc(score[rows], is_asf[rows], patient[rows])
            parts.append((rows, n_asf * n_nsf, found))
    if not parts:
        return None
    overall = auc(score, is_asf, patient)
    pairs = sum(weight for _, weight, _ in parts)
    value, influence = overall.value, overall.influence.copy()
    for rows, weight, found in parts:
        value -= weight / pairs * found.value
        influence[rows] -= weight / pairs * found.influence
    error = standard_error(influence, patient)
    n = sum(len(rows) for rows, _, _ in parts)
    return Interval(value, value - Z * error, value + Z * error, n)
