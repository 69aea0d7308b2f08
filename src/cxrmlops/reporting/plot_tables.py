"""Points of plots as CSV files, for `dvc plots show` and `dvc plots diff`."""

from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.reporting.evaluation_plots import Evidence

BINS = 20  # of the histogram of probabilities


def write_plot_tables(folder: Path, evidence: Evidence) -> None:
    """Write one CSV a plot; dvc.yaml: plots says which column stands where.

    Args:
        folder: made if absent.
        evidence: of the evaluation.
    """
    tables = {
        "training": evidence.history[["epoch", "train_loss", "val_loss", "val_auc"]],
        "roc": _roc(evidence),
        "reliability": _reliability(evidence),
        "probabilities": _probabilities(evidence.studies),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")


def _roc(evidence: Evidence) -> pd.DataFrame:
    curve = evidence.metrics.curves.model.roc
    return pd.DataFrame({"false_alarms": curve.x, "recall_asf": curve.y})


def _reliability(evidence: Evidence) -> pd.DataFrame:
    bins = evidence.metrics.reliability
    return pd.DataFrame(
        {
            "predicted": [each.predicted for each in bins],
            "observed": [each.observed.value for each in bins],
            "low": [each.observed.low for each in bins],
            "high": [each.observed.high for each in bins],
        }
    )


def _probabilities(studies: pd.DataFrame) -> pd.DataFrame:
    """Return the share of NSF and of ASF studies in each bin."""
    abnormal = studies.abnormal.to_numpy(dtype=bool)
    probability = studies.probability.to_numpy()
    edges = np.linspace(0, 1, BINS + 1)
    shares = {
        name: np.histogram(probability[side], edges)[0] / max(side.sum(), 1)
        for name, side in (("nsf", ~abnormal), ("asf", abnormal))
    }
    return pd.DataFrame({"probability": (edges[1:] + edges[:-1]) / 2} | shares)
