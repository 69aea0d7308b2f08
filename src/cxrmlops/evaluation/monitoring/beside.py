"""Two models beside each other on the studies that both have read at night."""

from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.evaluation.monitoring.realised import LABELS
from cxrmlops.evaluation.statistics.agreement import cohen_kappa
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.records.challenger import PointAgreement
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY


def beside(pairs: pd.DataFrame, *, min_reported: int) -> dict[str, Any]:
    """Count where both agree, and compare their AUCs where reports have arrived.

    Each study counts with both models or not at all; patients, where the archive names
    them, are the unit of the interval (paired DeLong).

    Args:
        pairs: one row per study: patient_id, conclusion ("" no report; else NSF, ASF,
            uncertain or disputed), and for champion and challenger each <who>_outcome,
            _probability, _balanced and _high_sensitivity.
        min_reported: studies of each class; with fewer no AUC is compared.

    Returns:
        The figures of `records.challenger.ChallengerComparison`.
    """
    was, now = (
        pairs[f"{who}_outcome"] == "scored" for who in ("champion", "challenger")
    )
    both = pairs[was & now]
    moved = (both.challenger_probability - both.champion_probability).abs()
    return {
        "n_both": len(both),
        "n_only_champion": int((was & ~now).sum()),
        "n_only_challenger": int((now & ~was).sum()),
        "mean_absolute_difference": float(moved.mean()) if len(both) else None,
        "largest_difference": float(moved.max()) if len(both) else None,
        "points": tuple(_point(both, name) for name in (BALANCED, HIGH_SENSITIVITY)),
    } | _by_reports(both, min_reported)


def _point(both: pd.DataFrame, point: str) -> PointAgreement:
    was = (both[f"champion_{point}"] == "ASF").to_numpy(bool)
    now = (both[f"challenger_{point}"] == "ASF").to_numpy(bool)
    table = [
        [int((was & now).sum()), int((was & ~now).sum())],
        [int((~was & now).sum()), int((~was & ~now).sum())],
    ]
    return PointAgreement(
        point=point,
        both_asf=table[0][0],
        both_nsf=table[1][1],
        only_challenger_asf=table[1][0],
        only_champion_asf=table[0][1],
        kappa=estimate(cohen_kappa(table)),
    )


def _by_reports(both: pd.DataFrame, least: int) -> dict[str, Any]:
    known = both[both.conclusion.isin(LABELS)]
    is_asf = (known.conclusion == "ASF").to_numpy(bool)
    n_asf, n_nsf = int(is_asf.sum()), int((~is_asf).sum())
    told: dict[str, Any] = {"n_reported": len(known), "n_asf": n_asf, "n_nsf": n_nsf}
    if min(n_asf, n_nsf) < least:
        why = f"{n_asf} ASF and {n_nsf} NSF with a report, {least} of each are asked"
        nothing = dict.fromkeys(
            ("auc_champion", "auc_challenger", "auc_difference", "p")
        )
        return told | nothing | {"why": why}
    was, now = (
        known[f"{who}_probability"].to_numpy(np.float64)
        for who in ("champion", "challenger")
    )
    patient = known.patient_id.to_numpy(object)
    found = auc_difference(now, was, is_asf, patient)
    return told | {
        "why": "",
        "auc_champion": estimate(auc_interval(was, is_asf, patient)),
        "auc_challenger": estimate(auc_interval(now, is_asf, patient)),
        "auc_difference": estimate(found.interval),
        "p": found.p,
    }
