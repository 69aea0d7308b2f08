"""Every figure of one reading of the test set, with its interval and its n."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrmlops.evaluation.statistics.calibration_error import (
    calibration_error,
    ece_of_noise,
)
from cxrmlops.evaluation.statistics.intervals import (
    Bools,
    Figure,
    Floats,
    Interval,
    by_patient,
    percentile,
    proportion,
    wilson,
)
from cxrmlops.evaluation.statistics.ranking import (
    auc_figure,
    auc_interval,
    auprc_figure,
    recall_at_figure,
)
from cxrmlops.evaluation.statistics.reliability import (
    brier_figure,
    calibration_line,
)
from cxrmlops.records.metrics import Confusion
from cxrmlops.system.errors import DataError

FIXED = (0.90, 0.95, 0.98)  # the other recall is read off at these


@dataclass(frozen=True)
class Predictions:
    """Answers about studies whose truth is known, one row each."""

    probability: Floats  # shape (n_studies,), of ASF, 0-1
    abnormal: Bools  # shape (n_studies,), ASF stated in the report
    patient: npt.NDArray[np.object_]  # shape (n_studies,), one pseudonym per study

    def __len__(self) -> int:
        """Count the studies."""
        return len(self.probability)


def reading(
    probability: npt.ArrayLike, abnormal: npt.ArrayLike, patient: npt.ArrayLike
) -> Predictions:
    """Put one row per study together.

    Raises:
        DataError: no study, only one class, or a probability that is no number.
    """
    is_asf = np.asarray(abnormal, dtype=bool)
    score = np.asarray(probability, dtype=np.float64)
    check_classes(is_asf)
    if not np.isfinite(score).all():
        raise DataError(
            f"{int((~np.isfinite(score)).sum())} of {len(score)} test probabilities "
            "are not numbers; train again with a lower train.learning_rate"
        )
    return Predictions(score, is_asf, np.asarray(patient, dtype=object))


def check_classes(abnormal: Bools) -> None:
    """Raise DataError unless the test set, shape (n,), holds both classes."""
    if not len(abnormal):
        raise DataError(
            "the test set is empty; enlarge the cohort or split.test and run again"
        )
    if abnormal.all() or not abnormal.any():
        raise DataError(
            f"the test set holds {int(abnormal.sum())} ASF and "
            f"{int((~abnormal).sum())} NSF studies; figures need both: enlarge the "
            "cohort or split.test"
        )


def confusion(read: Predictions, threshold: float) -> Confusion:
    """Count right and wrong answers at one threshold."""
    flagged = read.probability >= threshold
    return Confusion(
        asf_found=int((flagged & read.abnormal).sum()),
        asf_missed=int((~flagged & read.abnormal).sum()),
        nsf_right=int((~flagged & ~read.abnormal).sum()),
        nsf_false_alarm=int((flagged & ~read.abnormal).sum()),
    )


def answer_figures(
    read: Predictions, threshold: float, *, rounds: int, seed: int
) -> dict[str, Interval]:
    """Return recall, precision, F1 of both classes and the accuracy at one threshold.

    Returns:
        Figure name -> interval; a figure without studies in its denominator is left
        out. Proportions are Wilson's, F1 is a bootstrap by patient.
    """
    flagged, is_asf = read.probability >= threshold, read.abnormal
    right = flagged == is_asf
    among = {
        "recall_asf": is_asf,
        "recall_nsf": ~is_asf,
        "precision_asf": flagged,
        "precision_nsf": ~flagged,
        "accuracy": np.ones(len(is_asf), dtype=bool),
    }
    figures = {
        name: proportion(right[rows], read.patient[rows])
        for name, rows in among.items()
    }
    found = {name: figure for name, figure in figures.items() if figure is not None}
    return found | _f1(flagged, read, rounds=rounds, seed=seed)


def ranking_figures(
    read: Predictions, *, rounds: int, seed: int
) -> dict[str, Interval]:
    """Return AUC, area under precision and recall, and one recall at the other."""
    score, is_asf = read.probability, read.abnormal
    areas = {
        "auc_bootstrap": auc_figure(score, is_asf),
        "auprc": auprc_figure(score, is_asf),
    }
    return {
        "auc": auc_interval(score, is_asf, read.patient),
        # what chance would reach: the share of ASF
        "auprc_baseline": wilson(float(is_asf.sum()), len(is_asf)),
        **bootstrap(areas, read, n=len(read), rounds=rounds, seed=seed),
        **_one_at_the_other("asf", "nsf", read, score, rounds=rounds, seed=seed),
        **_one_at_the_other("nsf", "asf", read, -score, rounds=rounds, seed=seed),
    }


def calibration_figures(
    read: Predictions, *, bins: int, rounds: int, seed: int
) -> dict[str, Interval]:
    """Return Brier score, expected calibration error, slope and intercept.

    Beside the calibration error stands what noise alone would make of it
    (`ece_if_calibrated`).
    """
    score, is_asf = read.probability, read.abnormal
    draws = {"rounds": rounds, "seed": seed}
    brier = {"brier": brier_figure(score, is_asf)}
    return {
        "ece": calibration_error(score, is_asf, read.patient, bins=bins, **draws),
        "ece_if_calibrated": ece_of_noise(score, bins=bins, **draws),
        **bootstrap(brier, read, n=len(read), **draws),
        **calibration_line(score, is_asf, read.patient),
    }


def bootstrap(
    figures: Mapping[str, Figure], read: Predictions, *, n: int, rounds: int, seed: int
) -> dict[str, Interval]:
    """Return each figure with the percentile interval of a bootstrap by patient."""
    draws = by_patient(figures, read.patient, rounds=rounds, seed=seed)
    return {
        name: percentile(_point(figure, len(read)), draws[name], n=n)
        for name, figure in figures.items()
    }


def _one_at_the_other(
    this: str, other: str, read: Predictions, score: Floats, *, rounds: int, seed: int
) -> dict[str, Interval]:
    rows = read.abnormal if this == "asf" else ~read.abnormal
    figures = {
        f"recall_{this}_at_recall_{other}_{100 * level:.0f}": recall_at_figure(
            score, rows, other=level
        )
        for level in FIXED
    }
    return bootstrap(figures, read, n=int(rows.sum()), rounds=rounds, seed=seed)


def _point(figure: Figure, n: int) -> float:
    return float(figure(np.ones((1, n)))[0])


def _f1(
    flagged: Bools, read: Predictions, *, rounds: int, seed: int
) -> dict[str, Interval]:
    pairs = {"f1_asf": (flagged, read.abnormal), "f1_nsf": (~flagged, ~read.abnormal)}
    figures = {name: _f1_figure(*pair) for name, pair in pairs.items()}
    return bootstrap(figures, read, n=len(read), rounds=rounds, seed=seed)


def _f1_figure(said: Bools, true: Bools) -> Figure:
    both = (said & true).astype(np.float64)
    either = said.astype(np.float64) + true

    def figure(weights: Floats) -> Floats:
        below = weights @ either
        none = np.full(len(below), np.nan)
        return np.divide(2 * (weights @ both), below, out=none, where=below > 0)

    return figure
