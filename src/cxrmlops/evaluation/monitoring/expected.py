"""
Performance without labels: what calibrated probabilities lead one to expect.

If a probability of .8 means that 8 of 10 such studies are abnormal, the AUC and the
recalls follow from the probabilities alone (confidence-based performance estimation,
NannyML). It holds as long as calibration holds, and that only reports can tell:
without a check that passed, or while an alarm of images or headers stands, there is no
estimate.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.monitoring.realised import labelled
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import Interval, percentile
from cxrmlops.evaluation.statistics.ranking import auc_figure
from cxrmlops.evaluation.statistics.reliability import calibration_line
from cxrmlops.records.watch import CalibrationCheck, Expected

ROUNDS, SEED = 200, 1  # draws of the labels that the probabilities stand for

Floats = npt.NDArray[np.float64]


def check_calibration(
    answers: pd.DataFrame,
    *,
    min_reported: int,
    max_slope_error: float,
    max_intercept_error: float,
) -> CalibrationCheck:
    """Ask of the newest reports whether probabilities still mean what they say.

    Holds where both intervals lie wholly within what is allowed, is refused where one
    lies wholly outside; between the two, and with fewer than `min_reported` studies of
    a class, it is not assessed: too few reports to tell.

    Args:
        answers: probability, conclusion and study_id, one row per study.
        min_reported: studies of each class.
        max_slope_error: of the calibration slope, from 1.
        max_intercept_error: of the calibration intercept, from 0, logits.
    """
    known = labelled(answers)
    is_asf = (known.conclusion == "ASF").to_numpy(bool)
    least = min(int(is_asf.sum()), int((~is_asf).sum()))
    line: dict[str, Interval] = {}
    if least >= min_reported:
        probability = known.probability.to_numpy(np.float64)
        line = calibration_line(probability, is_asf, known.study_id)
    slope, intercept = (
        line.get(f"calibration_{name}") for name in ("slope", "intercept")
    )
    verdict, reason = _judged(
        slope, intercept, max_slope_error, max_intercept_error, least, min_reported
    )
    return CalibrationCheck(
        verdict=verdict,  # type: ignore[arg-type]
        reason=reason,
        n=len(known),
        slope=estimate(slope),
        intercept=estimate(intercept),
    )


def _judged(  # noqa: PLR0913
    slope: Interval | None,
    intercept: Interval | None,
    of_slope: float,
    of_intercept: float,
    least: int,
    asked: int,
) -> tuple[str, str]:
    if least < asked:
        few = f"{least} studies of the rarer class have a report, {asked} are asked"
        return "not_assessed", few
    if slope is None or intercept is None:
        return "not_assessed", "no line fits: the classes are told apart completely"
    judged = (
        ("slope", slope, 1 - of_slope, 1 + of_slope),
        ("intercept", intercept, -of_intercept, of_intercept),
    )
    for name, found, least_right, most_right in judged:
        if found.low > most_right or found.high < least_right:
            allowed = f"allowed {least_right:g} to {most_right:g}"
            return "refused", f"calibration {name} {found}, {allowed}"
    told = f"slope {slope}, intercept {intercept}"
    within = all(low <= f.low and f.high <= high for _, f, low, high in judged)
    return ("holds", told) if within else ("not_assessed", f"{told}: too few to tell")


def expect(probability: Floats, *, threshold: float, why: str) -> Expected:
    """Estimate performance from calibrated probabilities.

    The interval is that of the labels: how far the realised figures of these studies
    may lie from the expected ones if calibration is perfect.

    Args:
        probability: shape (n,), calibrated probability of ASF.
        threshold: of the balanced point.
        why: why there is no estimate; "" there is one.
    """
    n = len(probability)
    if not why and n < 2:
        why = "no study has an answer in this window"
    if why:
        return Expected(
            why=why, n=n, auc=None, recall_asf=None, recall_nsf=None, prevalence=None
        )
    labels = np.random.default_rng(SEED).random((ROUNDS, n)) < probability
    flagged = probability >= threshold
    asf, nsf = labels.sum(1), (~labels).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = {
            "auc": _aucs(probability, labels),
            "recall_asf": (labels & flagged).sum(1) / asf,
            "recall_nsf": (~labels & ~flagged).sum(1) / nsf,
            "prevalence": asf / n,
        }
    return Expected(
        why="",
        n=n,
        **{name: _figure(each, n) for name, each in draws.items()},  # type: ignore[arg-type]
    )


def _aucs(probability: Floats, labels: npt.NDArray[np.bool_]) -> Floats:
    """Return the AUC of each draw: shape (rounds,).

    `auc_figure` weights studies of known labels; each study is put in as both.
    """
    both = np.concatenate([probability, probability])
    is_asf = np.repeat([True, False], len(probability))
    weights = np.concatenate([labels, ~labels], axis=1).astype(np.float64)
    return auc_figure(both, is_asf)(weights)


def _figure(draws: Floats, n: int) -> object:
    kept = draws[np.isfinite(draws)]
    return estimate(percentile(float(kept.mean()), kept, n=n)) if len(kept) else None
