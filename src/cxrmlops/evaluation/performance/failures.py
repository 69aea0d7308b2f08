"""
What the recalls are when a study that could not be read counts as a wrong answer.

A model that refuses the difficult films looks better than it serves. Intention to
diagnose (Schuetz et al., BMJ 2012;345:e6717) leaves no study of the test patients out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrmlops.evaluation.performance.figures import Predictions
from cxrmlops.evaluation.statistics.intervals import Bools, Interval, proportion
from cxrmlops.records.metrics import NotEvaluable


@dataclass(frozen=True)
class Failures:
    """Studies of one side that the night would not answer."""

    lost: pd.DataFrame  # NOT_EVALUABLE rows: no film could be read
    unfamiliar: Bools  # (n_read,): answered here, but unlike what was learnt from


def intention_to_diagnose_figures(
    read: Predictions, failures: Failures, thresholds: Mapping[str, float]
) -> dict[str, Interval]:
    """Return the share of studies not evaluable, and the recalls with them as failures.

    Args:
        read: studies that were answered.
        failures: of the same patients' side.
        thresholds: operating point -> threshold.

    Returns:
        `not_evaluable_rate`, and per point recall of ASF, of NSF and accuracy, named
        `<point>.<figure>_with_failures`. Wilson's intervals, patient by patient.
    """
    lost, unfamiliar = failures.lost, failures.unfamiliar
    patient = np.concatenate([read.patient, lost.patient_id.to_numpy(dtype=object)])
    is_asf = np.concatenate([read.abnormal, lost.abnormal.to_numpy(dtype=bool)])
    failed = np.concatenate([unfamiliar, np.ones(len(lost), dtype=bool)])
    found = {"not_evaluable_rate": proportion(failed, patient)}
    for point, threshold in thresholds.items():
        right = np.zeros(len(is_asf), dtype=bool)
        answered = (read.probability >= threshold) == read.abnormal
        right[: len(read)] = answered & ~unfamiliar
        among: dict[str, Bools] = {"recall_asf": is_asf, "recall_nsf": ~is_asf}
        among["accuracy"] = np.ones(len(is_asf), dtype=bool)
        for name, rows in among.items():
            share = proportion(right[rows], patient[rows])
            found[f"{point}.{name}_with_failures"] = share
    return {name: figure for name, figure in found.items() if figure is not None}


def failure_counts(failures: Failures) -> NotEvaluable:
    """Count lost studies, by class and by reason, and unfamiliar ones."""
    lost = failures.lost
    reasons = Counter("|".join(lost.reason).split("|")) if len(lost) else Counter()
    n_asf = int(lost.abnormal.sum())
    return NotEvaluable(
        n=len(lost),
        n_asf=n_asf,
        n_nsf=len(lost) - n_asf,
        n_unfamiliar=int(failures.unfamiliar.sum()),
        reasons=dict(sorted(reasons.items())),
    )
