"""One reading of the test set as plain values: what metrics.json holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.evaluation.performance import source_study
from cxrmlops.evaluation.performance.failures import (
    Failures,
    failure_counts,
    intention_to_diagnose_figures,
)
from cxrmlops.evaluation.performance.figures import (
    Predictions,
    answer_figures,
    calibration_figures,
    confusion,
    ranking_figures,
    reading,
)
from cxrmlops.evaluation.performance.subgroup_gaps import SubgroupGap, subgroup_gaps
from cxrmlops.evaluation.performance.subgroups import Group, subgroups
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.intervals import Floats, Interval
from cxrmlops.evaluation.statistics.prevalence import prevalence_free, project
from cxrmlops.findings import BALANCED, OperatingPoint

Plain = dict[str, Any]


def measure(
    studies: pd.DataFrame,
    thumbnail: Floats,
    points: Sequence[OperatingPoint],
    *,
    failures: Failures,
    prevalences: Sequence[float],
    bins: int,
    rounds: int,
    seed: int,
) -> Plain:
    """Compute everything that one reading of the test set says about the model.

    Args:
        studies: STUDIES rows of the test set.
        thumbnail: shape (n_studies,), what the thumbnail baseline answers.
        points: the operating points frozen in the bundle.
        failures: of the test set.
        prevalences: shares of ASF to project precisions onto.
        bins: of the calibration error.
        rounds: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Plain values; an interval is {"value", "low", "high", "n"}.

    Raises:
        DataError: the test set is empty, or holds one class only.
    """
    read = reading(studies.probability, studies.abnormal, studies.patient_id)
    at = {point.name: point.threshold for point in points}
    draws = {"rounds": rounds, "seed": seed}
    answers = {name: _answers(read, t, **draws) for name, t in at.items()}
    groups = subgroups(studies, read, threshold=at[BALANCED])
    raw = replace(read, probability=_uncalibrated(studies))
    return {
        "figures": _figures(read, thumbnail, answers, bins=bins, **draws)
        | _known(intention_to_diagnose_figures(read, failures, at)),
        "before_calibration": _known(calibration_figures(raw, bins=bins, **draws)),
        "not_evaluable": failure_counts(failures),
        "confusion": {name: asdict(confusion(read, t)) for name, t in at.items()},
        "prevalence": {
            name: [_projection(answer, share) for share in prevalences]
            for name, answer in answers.items()
        },
        "thumbnail": _thumbnail(thumbnail, read, **draws),
        "source_study": _source_study(**draws),
        "subgroups": [_group(group) for group in groups],
        "spreads": [_spread(s) for s in subgroup_gaps(studies, read, groups)],
        "n_test_studies": len(read),
        "n_test_asf": int(read.abnormal.sum()),
        "n_test_images": int(studies.n_images.sum()),
        "n_test_patients": int(studies.patient_id.nunique()),
    }


def plain(interval: Interval | None) -> Plain | None:
    """Write an interval as plain values; None where it could not be computed."""
    if interval is None or not all(map(isfinite, asdict(interval).values())):
        return None
    return asdict(interval)


def _answers(
    read: Predictions, threshold: float, *, rounds: int, seed: int
) -> dict[str, Interval]:
    found = answer_figures(read, threshold, rounds=rounds, seed=seed)
    return found | prevalence_free(found["recall_asf"], found["recall_nsf"])


def _uncalibrated(studies: pd.DataFrame) -> Floats:
    """Read the probability that the network would give without a temperature."""
    logit = studies.logit.to_numpy(dtype=np.float64)
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -500, 500))), dtype=np.float64)


def _figures(
    read: Predictions,
    thumbnail: Floats,
    answers: Mapping[str, Mapping[str, Interval]],
    *,
    bins: int,
    rounds: int,
    seed: int,
) -> Plain:
    truth = (read.abnormal, read.patient)
    margin = auc_difference(read.probability, thumbnail, *truth).interval
    found = (
        ranking_figures(read, rounds=rounds, seed=seed)
        | calibration_figures(read, bins=bins, rounds=rounds, seed=seed)
        | {"auc_over_thumbnail": margin}
        | {
            f"{point}.{name}": figure
            for point, figures in answers.items()
            for name, figure in figures.items()
        }
    )
    return _known(found)


def _thumbnail(
    thumbnail: Floats, read: Predictions, *, rounds: int, seed: int
) -> Plain:
    baseline = reading(thumbnail, read.abnormal, read.patient)
    found = ranking_figures(baseline, rounds=rounds, seed=seed)
    return _known({name: found[name] for name in ("auc", "auprc")})


def _source_study(*, rounds: int, seed: int) -> Plain:
    return {
        "figures": _known(source_study.figures(rounds=rounds, seed=seed)),
        "confusion": asdict(source_study.CONFUSION),
        "n_test_studies": source_study.CONFUSION.n,
    }


def _projection(answer: Mapping[str, Interval], prevalence: float) -> Plain:
    found = project(answer["recall_asf"], answer["recall_nsf"], prevalence)
    figures = ("ppv", "npv", "flag_rate", "misses_per_1000")
    return {"prevalence": prevalence} | {
        name: plain(getattr(found, name)) for name in figures
    }


def _group(group: Group) -> Plain:
    figures = ("auc", "gap", "recall_asf", "recall_nsf")
    return {
        "group": group.group,
        "level": group.level,
        "n": group.n,
        "n_asf": group.n_asf,
        "n_nsf": group.n_nsf,
        "verdict": "assessed" if group.assessed else "not_assessed",
        **{name: plain(getattr(group, name)) for name in figures},
    }


def _spread(spread: SubgroupGap) -> Plain:
    return asdict(spread) | {"gap": plain(spread.gap)}


def _known(figures: Mapping[str, Interval]) -> Plain:
    """Leave out what could not be computed: a missing name is no zero."""
    written = {name: plain(figure) for name, figure in figures.items()}
    return {name: each for name, each in written.items() if each is not None}
