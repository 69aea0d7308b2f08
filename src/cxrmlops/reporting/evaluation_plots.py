"""Every plot of the evaluation report, drawn from one reading of the test set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.model.bundle import BundleCard
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import Confusion, Curve, DecisionCurve, Metrics
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.training import Training
from cxrmlops.reporting.interval_plots import Row, beside_plot, forest_plot
from cxrmlops.reporting.plots import (
    ASF,
    MODEL,
    Limits,
    Marker,
    confusion_plot,
    decision_plot,
    pr_plot,
    reliability_plot,
    roc_plot,
    score_plot,
    training_plot,
)
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY

POINTS = {BALANCED: "Balanced", HIGH_SENSITIVITY: "High sensitivity"}
FIGURES = {  # name -> (field's word, radiologist's word)
    "recall_asf": ("Recall ASF", "sensitivity"),
    "recall_nsf": ("Recall NSF", "specificity"),
    "precision_asf": ("Precision ASF", "PPV in this mix"),
    "precision_nsf": ("Precision NSF", "NPV in this mix"),
    "f1_asf": ("F1 ASF", ""),
    "f1_nsf": ("F1 NSF", ""),
    "accuracy": ("Accuracy", ""),
}
OTHER = {  # not shares: they have no place on an axis of 0 to 1
    "balanced_accuracy": ("Balanced accuracy", "mean of both recalls"),
    "lr_positive": ("Likelihood ratio, ASF", "LR+"),
    "lr_negative": ("Likelihood ratio, NSF", "LR-"),
}
GROUPS = {
    "sex": "Sex",
    "age": "Age, years",
    "view": "View",
    "portable": "Portable",
    "manufacturer": "Manufacturer",
    "source": "Source or site",
    "year": "Year",
    "n_images": "Images of the study",
    "finding": "Finding, against all NSF",
}


@dataclass(frozen=True)
class Evidence:
    """Everything the report shows."""

    metrics: Metrics
    studies: pd.DataFrame  # STUDIES rows of test
    history: pd.DataFrame  # HISTORY rows
    card: BundleCard
    manifest: SplitManifest
    training: Training
    settings: Mapping[str, Any]  # params.yaml: evaluate
    cohort: CohortSummary


def draw_plots(evidence: Evidence) -> dict[str, str]:
    """Draw every plot of the report: name -> SVG text."""
    metrics, studies = evidence.metrics, evidence.studies
    score = studies.probability.to_numpy(dtype=float)
    is_asf = studies.abnormal.to_numpy(dtype=bool)
    return {
        "beside": beside_plot(
            _beside(metrics), ours="this model, balanced", theirs="source study"
        ),
        "roc": _roc(metrics),
        "pr": _pr(metrics),
        "confusion": confusion_plot(_tables(metrics)),
        "reliability": reliability_plot(
            [
                (each.predicted, each.observed.limits, each.observed.n)
                for each in metrics.reliability
            ]
        ),
        "scores": score_plot(
            score[~is_asf],
            score[is_asf],
            {POINTS[p.name].lower(): p.threshold for p in metrics.operating_points},
        ),
        "decision": _decision(metrics.decision),
        "subgroups": forest_plot(
            _forest(metrics),
            overall=metrics.figures["auc"].value,
            label="AUC with its 95 % interval; dashed: all studies",
        ),
        "training": _training(evidence),
    }


def _roc(metrics: Metrics) -> str:
    auc = metrics.figures["auc"].value
    curves = {f"this model, AUC {auc:.3f}": _pair(metrics.curves.model.roc)}
    baseline = metrics.thumbnail["auc"].value
    thumbnail = _pair(metrics.curves.thumbnail.roc)
    curves[f"16 x 16 thumbnail, AUC {baseline:.3f}"] = thumbnail
    return roc_plot(curves, _markers(metrics, ("recall_nsf", "recall_asf"), turn=True))


def _pr(metrics: Metrics) -> str:
    area = metrics.figures["auprc"].value
    model = _pair(metrics.curves.model.precision_recall)
    curves = {f"this model, area {area:.3f}": model}
    baseline = metrics.thumbnail["auprc"].value
    thumbnail = _pair(metrics.curves.thumbnail.precision_recall)
    curves[f"16 x 16 thumbnail, area {baseline:.3f}"] = thumbnail
    markers = _markers(metrics, ("recall_asf", "precision_asf"), turn=False)
    return pr_plot(curves, markers, baseline=metrics.figures["auprc_baseline"].value)


def _markers(metrics: Metrics, axes: tuple[str, str], *, turn: bool) -> list[Marker]:
    """Place the operating points; `turn` puts 1 - figure on the x axis."""
    looks = {"high sensitivity": ("s", MODEL), "source study": ("D", ASF)}
    markers = []
    for name, place in _places(metrics).items():
        x, y = place.get(axes[0]), place.get(axes[1])
        if x is not None and y is not None:
            across = (1 - x[0], 1 - x[2], 1 - x[1]) if turn else x
            markers.append(Marker(name, across, y, *looks.get(name, ("o", MODEL))))
    return markers


def _places(metrics: Metrics) -> dict[str, dict[str, Limits]]:
    """Gather each operating point's figures, ours and the source study's."""
    ours = {
        word.lower(): {
            key.removeprefix(f"{name}."): figure.limits
            for key, figure in metrics.figures.items()
            if key.startswith(f"{name}.")
        }
        for name, word in POINTS.items()
    }
    theirs = metrics.source_study.figures.items()
    return ours | {"source study": {key: figure.limits for key, figure in theirs}}


def _beside(metrics: Metrics) -> list[Row]:
    ours, theirs = metrics.figures, metrics.source_study.figures
    rows = [Row("AUC", ours["auc"].limits, theirs["auc"].limits)]
    for name, (word, _) in FIGURES.items():
        figure = ours.get(f"{BALANCED}.{name}")
        rows.append(Row(word, _limits(figure), theirs[name].limits))
    return rows


def _forest(metrics: Metrics) -> list[Row]:
    rows: list[Row] = []
    seen = ""
    for group in metrics.subgroups:
        if group.n == metrics.n_test_studies:
            continue  # all studies are no group
        if group.group != seen:
            seen = group.group
            rows.append(Row(GROUPS[seen], None, heading=True))
        name = f"{group.level.replace('_', ' ')}   n = {group.studies:,}"
        rows.append(Row(name, _limits(group.auc)))
    return rows


def _tables(metrics: Metrics) -> dict[str, tuple[int, int, int, int]]:
    tables: dict[str, Confusion] = {POINTS[k]: metrics.confusion[k] for k in POINTS}
    tables["Source study"] = metrics.source_study.confusion
    return {
        name: (each.asf_found, each.asf_missed, each.nsf_right, each.nsf_false_alarm)
        for name, each in tables.items()
    }


def _decision(found: DecisionCurve) -> str:
    curves = {"act on the model": found.model, "read all as ASF": found.everyone}
    return decision_plot(
        np.array(found.threshold),
        {name: np.array(benefit) for name, benefit in curves.items()},
    )


def _training(evidence: Evidence) -> str:
    history = evidence.history
    return training_plot(
        history.epoch.to_numpy(dtype=float),
        {
            "train": history.train_loss.to_numpy(dtype=float),
            "val": history.val_loss.to_numpy(dtype=float),
        },
        history.val_auc.to_numpy(dtype=float),
        best=evidence.training.best_epochs,
    )


def _pair(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    return np.array(curve.x), np.array(curve.y)


def _limits(figure: Estimate | None) -> Limits | None:
    return None if figure is None else figure.limits
