"""One reading of the test set: what figures.json holds of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from cxrmlops.evaluation.performance.plot_points import (
    decision_curve,
    ranking_curves,
    reliability_bins,
)
from cxrmlops.evaluation.performance.subgroup_gaps import SubgroupGap, subgroup_gaps
from cxrmlops.evaluation.performance.subgroups import Group, subgroups
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.estimates import estimates, with_estimates
from cxrmlops.evaluation.statistics.intervals import Floats, Interval
from cxrmlops.evaluation.statistics.prevalence import prevalence_free, project
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import (
    Curves,
    Measurement,
    PrevalenceFigures,
    SourceStudy,
    SubgroupFigures,
    SubgroupSpread,
)
from cxrmlops.vocabulary.findings import BALANCED, OperatingPoint


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
) -> Measurement:
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

    Raises:
        DataError: the test set is empty, or holds one class only.
    """
    read = reading(studies.probability, studies.abnormal, studies.patient_id)
    baseline = reading(thumbnail, studies.abnormal, studies.patient_id)
    at = {point.name: point.threshold for point in points}
    draws = {"rounds": rounds, "seed": seed}
    answers = {name: _answers(read, t, **draws) for name, t in at.items()}
    groups = subgroups(studies, read, threshold=at[BALANCED])
    raw = replace(read, probability=_uncalibrated(studies))
    return Measurement(
        figures=_figures(read, thumbnail, answers, bins=bins, **draws)
        | estimates(intention_to_diagnose_figures(read, failures, at)),
        before_calibration=estimates(calibration_figures(raw, bins=bins, **draws)),
        not_evaluable=failure_counts(failures),
        confusion={name: confusion(read, t) for name, t in at.items()},
        prevalence={
            name: tuple(_projection(answer, share) for share in prevalences)
            for name, answer in answers.items()
        },
        thumbnail=_thumbnail(baseline, **draws),
        curves=Curves(model=ranking_curves(read), thumbnail=ranking_curves(baseline)),
        reliability=reliability_bins(read, bins=bins),
        decision=decision_curve(read),
        source_study=_source_study(**draws),
        subgroups=tuple(map(_group, groups)),
        spreads=tuple(map(_spread, subgroup_gaps(studies, read, groups))),
        n_test_studies=len(read),
        n_test_asf=int(read.abnormal.sum()),
        n_test_images=int(studies.n_images.sum()),
        n_test_patients=int(studies.patient_id.nunique()),
    )


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
) -> dict[str, Estimate]:
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
    return estimates(found)


def _thumbnail(baseline: Predictions, *, rounds: int, seed: int) -> dict[str, Estimate]:
    found = ranking_figures(baseline, rounds=rounds, seed=seed)
    return estimates({name: found[name] for name in ("auc", "auprc")})


def _source_study(*, rounds: int, seed: int) -> SourceStudy:
    return SourceStudy(
        figures=estimates(source_study.figures(rounds=rounds, seed=seed)),
        confusion=source_study.CONFUSION,
        n_test_studies=source_study.CONFUSION.n,
    )


def _projection(answer: Mapping[str, Interval], prevalence: float) -> PrevalenceFigures:
    found = project(answer["recall_asf"], answer["recall_nsf"], prevalence)
    return PrevalenceFigures(**with_estimates(found))


def _group(group: Group) -> SubgroupFigures:
    return SubgroupFigures(
        **with_estimates(group),
        verdict="assessed" if group.assessed else "not_assessed",
    )


def _spread(spread: SubgroupGap) -> SubgroupSpread:
    return SubgroupSpread(**with_estimates(spread))
