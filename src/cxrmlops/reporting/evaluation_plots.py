"""Every plot of the evaluation report, drawn from one reading of the test set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.evaluation.statistics.curves import Curve, precision_recall, roc
from cxrmlops.evaluation.statistics.prevalence import net_benefit
from cxrmlops.evaluation.statistics.reliability import reliability
from cxrmlops.findings import BALANCED, HIGH_SENSITIVITY
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

Plain = Mapping[str, Any]

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
    "finding": "Finding, against all NSF",
}
CONFUSION = ("asf_found", "asf_missed", "nsf_right", "nsf_false_alarm")


@dataclass(frozen=True)
class Evidence:
    """Everything the report shows; plain values except for the two arrays."""

    metrics: Plain  # evaluation.metrics.measure, and the hashes
    studies: pd.DataFrame  # STUDIES rows of test
    thumbnail: np.ndarray  # (n_studies,), what the thumbnail baseline answers
    history: pd.DataFrame  # HISTORY rows
    card: Plain  # of the bundle
    manifest: Plain  # of the split
    training: Plain  # training.json
    settings: Plain  # params.yaml: evaluate
    cohort: Plain  # exclusions.json


def draw_plots(evidence: Evidence) -> dict[str, str]:
    """Draw every plot of the report: name -> SVG text."""
    metrics, studies = evidence.metrics, evidence.studies
    score = studies.probability.to_numpy(dtype=float)
    is_asf = studies.abnormal.to_numpy(dtype=bool)
    grid = np.linspace(0.01, 0.99, 99)
    everyone = net_benefit(np.ones(len(is_asf)), is_asf, grid)
    curves = {"act on the model": net_benefit(score, is_asf, grid)}
    points = {
        point["name"]: point["threshold"] for point in metrics["operating_points"]
    }
    return {
        "beside": beside_plot(
            _beside(metrics), ours="this model, balanced", theirs="source study"
        ),
        "roc": _roc(evidence, score, is_asf),
        "pr": _pr(evidence, score, is_asf),
        "confusion": confusion_plot(_tables(metrics)),
        "reliability": reliability_plot(
            [
                (each.predicted, _known(vars(each.observed)), each.observed.n)
                for each in reliability(
                    score,
                    is_asf,
                    studies.patient_id,
                    bins=evidence.settings["ece_bins"],
                )
            ]
        ),
        "scores": score_plot(
            score[~is_asf],
            score[is_asf],
            {POINTS[k].lower(): t for k, t in points.items()},
        ),
        "decision": decision_plot(grid, curves | {"read all as ASF": everyone}),
        "subgroups": forest_plot(
            _forest(metrics),
            overall=metrics["figures"]["auc"]["value"],
            label="AUC with its 95 % interval; dashed: all studies",
        ),
        "training": _training(evidence),
    }


def _roc(evidence: Evidence, score: np.ndarray, is_asf: np.ndarray) -> str:
    metrics = evidence.metrics
    auc = metrics["figures"]["auc"]["value"]
    curves = {f"this model, AUC {auc:.3f}": _pair(roc(score, is_asf))}
    baseline = metrics["thumbnail"]["auc"]["value"]
    thumbnail = _pair(roc(evidence.thumbnail, is_asf))
    curves[f"16 x 16 thumbnail, AUC {baseline:.3f}"] = thumbnail
    return roc_plot(curves, _markers(metrics, ("recall_nsf", "recall_asf"), turn=True))


def _pr(evidence: Evidence, score: np.ndarray, is_asf: np.ndarray) -> str:
    metrics = evidence.metrics
    area = metrics["figures"]["auprc"]["value"]
    curves = {f"this model, area {area:.3f}": _pair(precision_recall(score, is_asf))}
    baseline = metrics["thumbnail"]["auprc"]["value"]
    thumbnail = _pair(precision_recall(evidence.thumbnail, is_asf))
    curves[f"16 x 16 thumbnail, area {baseline:.3f}"] = thumbnail
    markers = _markers(metrics, ("recall_asf", "precision_asf"), turn=False)
    return pr_plot(curves, markers, baseline=float(is_asf.mean()))


def _markers(metrics: Plain, axes: tuple[str, str], *, turn: bool) -> list[Marker]:
    """Place the operating points; `turn` puts 1 - figure on the x axis."""
    looks = {"high sensitivity": ("s", MODEL), "source study": ("D", ASF)}
    markers = []
    for name, place in _places(metrics).items():
        x, y = place.get(axes[0]), place.get(axes[1])
        if x is not None and y is not None:
            across = (1 - x[0], 1 - x[2], 1 - x[1]) if turn else x
            markers.append(Marker(name, across, y, *looks.get(name, ("o", MODEL))))
    return markers


def _places(metrics: Plain) -> dict[str, dict[str, Limits]]:
    """Gather each operating point's figures, ours and the source study's."""
    ours = {
        word.lower(): {
            key.removeprefix(f"{name}."): _known(figure)
            for key, figure in metrics["figures"].items()
            if key.startswith(f"{name}.")
        }
        for name, word in POINTS.items()
    }
    theirs = metrics["source_study"]["figures"].items()
    return ours | {"source study": {key: _known(figure) for key, figure in theirs}}


def _beside(metrics: Plain) -> list[Row]:
    ours, theirs = metrics["figures"], metrics["source_study"]["figures"]
    rows = [Row("AUC", _limits(ours["auc"]), _limits(theirs["auc"]))]
    for name, (word, _) in FIGURES.items():
        figure = ours.get(f"{BALANCED}.{name}")
        rows.append(Row(word, _limits(figure), _limits(theirs[name])))
    return rows


def _forest(metrics: Plain) -> list[Row]:
    rows: list[Row] = []
    seen = ""
    for group in metrics["subgroups"]:
        if group["n"] == metrics["n_test_studies"]:
            continue  # all studies are no group
        if group["group"] != seen:
            seen = group["group"]
            rows.append(Row(GROUPS[seen], None, heading=True))
        counted = "n_asf" if seen == "finding" else "n"  # the normals are all alike
        name = f"{group['level'].replace('_', ' ')}   n = {group[counted]:,}"
        rows.append(Row(name, _limits(group["auc"])))
    return rows


def _tables(metrics: Plain) -> dict[str, tuple[int, int, int, int]]:
    tables = {POINTS[name]: metrics["confusion"][name] for name in POINTS}
    tables["Source study"] = metrics["source_study"]["confusion"]
    return {
        name: (table[CONFUSION[0]], table[CONFUSION[1]], table[CONFUSION[2]],
               table[CONFUSION[3]])
        for name, table in tables.items()
    }  # fmt: skip


def _training(evidence: Evidence) -> str:
    history = evidence.history
    return training_plot(
        history.epoch.to_numpy(dtype=float),
        {
            "train": history.train_loss.to_numpy(dtype=float),
            "val": history.val_loss.to_numpy(dtype=float),
        },
        history.val_auc.to_numpy(dtype=float),
        best=int(evidence.training["best_epoch"]),
    )


def _pair(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    return curve.x, curve.y


def _limits(figure: Plain | None) -> Limits | None:
    return None if figure is None else _known(figure)


def _known(figure: Plain) -> Limits:
    return figure["value"], figure["low"], figure["high"]
