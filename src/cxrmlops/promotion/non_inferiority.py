"""May this model follow that one? Paired on the same test patients, by a margin."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.evaluation.gates import gate as gates
from cxrmlops.evaluation.statistics.comparison import answers_differ, auc_difference
from cxrmlops.records.verdict import GateResult
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.findings import OperatingPoint

NAME = "champion"  # of the gate
Points = Sequence[OperatingPoint]


def not_worse(
    candidate: tuple[pd.DataFrame, Points],
    champion: tuple[pd.DataFrame, Points],
    *,
    max_auc_loss: float,
) -> tuple[GateResult, dict[str, Any]]:
    """Ask whether the candidate ranks patients at most a margin worse: non-inferiority.

    Judged by the lower end of the 95 % interval of the paired difference of AUCs
    (DeLong 1988, patient by patient). How answers differ (McNemar 1947), each at its
    own thresholds, is shown and not judged: thresholds are a choice.

    Args:
        candidate: STUDIES rows of test and the operating points of one model.
        champion: the same studies read by the model in use, and its points.
        max_auc_loss: margin, at least 0; written before the comparison.

    Returns:
        The gate, and the figures behind it as plain values.

    Raises:
        DataError: the two did not read the same studies.
    """
    new, old = _paired(candidate[0], champion[0])
    abnormal = new.abnormal.to_numpy(dtype=bool)
    found = auc_difference(new.probability, old.probability, abnormal, new.patient_id)
    low, passed = found.interval.low, found.interval.low >= -max_auc_loss
    reason = (
        f"AUC less the champion's on the same {len(new)} test studies: "
        f"{found.interval.value:+.4f} (95 % {low:+.4f} to {found.interval.high:+.4f}), "
        f"{'within' if passed else 'below'} the margin of {-max_auc_loss:+.4f}"
    )
    gate = gates.gate_result(NAME, low, -max_auc_loss, len(new), passed, reason)
    figures = {"auc_difference": asdict(found.interval) | {"p": found.p}}
    return gate, figures | {"answers": _answers(new, candidate[1], old, champion[1])}


def not_assessed(why: str, *, max_auc_loss: float) -> GateResult:
    """Return why the two cannot be compared; it is not a pass."""
    return gates.not_assessed(NAME, -max_auc_loss, None, why)


def _paired(one: pd.DataFrame, two: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    new, old = (frame.set_index("study_id").sort_index() for frame in (one, two))
    if not new.index.equals(old.index):
        raise DataError(
            f"{len(new.index.symmetric_difference(old.index))} test studies were read "
            "by one of the two models only; run: dvc repro evaluate"
        )
    return new, old


def _answers(
    new: pd.DataFrame, new_points: Points, old: pd.DataFrame, old_points: Points
) -> dict[str, dict[str, float]]:
    """Count, per operating point and truth, who alone was right."""
    threshold = {point.name: point.threshold for point in old_points}
    told = {}
    for point in new_points:
        one = new.probability.to_numpy() >= point.threshold
        two = old.probability.to_numpy() >= threshold[point.name]
        for truth in (True, False):
            rows = np.flatnonzero(new.abnormal.to_numpy(dtype=bool) == truth)
            test = answers_differ(one[rows], two[rows], np.full(len(rows), truth))
            told[f"{point.name}.{'asf' if truth else 'nsf'}"] = {
                "only_candidate_right": test.only_first_right,
                "only_champion_right": test.only_second_right,
                "p": test.p,
            }
    return told
