"""What is left to say about a training once it was measured: its run, completed."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    Run,
    RunTag,
)

from cxrmlops.records.metrics import Metrics
from cxrmlops.records.origin import Origin
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import HISTORY
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import descriptions, facts, lineage
from cxrmlops.registry.service import open_client, translated
from cxrmlops.system.files import sha256_file, sha256_json

COMPLETED = "cxr.completed"  # tag: hash of what was recorded
COMPARED = (  # of all figures, the first first
    "auc",
    "balanced.recall_asf",
    "balanced.recall_nsf",
    "balanced.precision_asf",
    "balanced.precision_nsf",
    "high_sensitivity.recall_asf",
    "high_sensitivity.recall_nsf",
    "ece",
    "auc_over_thumbnail",
)
BATCH = 100  # params per call, MLflow's own limit
PAGES = {  # stage -> files of it that people compare. Counts, figures and pictures only
    "cohort": ("exclusions.json", "flow.svg"),
    "split": ("counts.json", "manifest.json"),
    "train": ("training.json", "origin.json"),
    "evaluate": ("figures.json", "card.json", "card.html", "report.html")
    + ("*.png", "*.svg"),
    "examine": ("examination.json", "report.html"),
    "gate": ("gate.html", "metrics.json", "verdict.json"),
}

log = logging.getLogger(__name__)


def complete_run(
    run_id: str, *, settings: Mapping[str, Any], data: Path = Path("data")
) -> bool:
    """Write settings, figures with intervals, plots and lineage into a training's run.

    Args:
        run_id: of `tracking.find_or_make_run`.
        settings: params.yaml as plain values.
        data: folder of the stages' results.

    Returns:
        False when all of it was recorded before: then nothing is written.

    Raises:
        ServiceError: MLflow did not answer; safe to repeat.
    """
    files = dict(_files(data))
    content = sha256_json([settings, {k: sha256_file(p) for k, p in files.items()}])
    with translated():
        client = open_client()
        run = client.get_run(run_id)
        if run.data.tags.get(COMPLETED) == content:
            return False
        _log_params(client, run, settings)
        _log_figures(client, run, data)
        _log_tags(client, run, data)
        for name, path in files.items():
            client.log_artifact(run_id, str(path), str(Path(name).parent))
        client.log_dict(run_id, dict(settings), "settings.json")
        origin = Origin.read(data / Origin.file)
        client.log_text(run_id, origin.environment_text, "environment.txt")
        client.set_tag(run_id, COMPLETED, content)
        # its duration is the training's, whatever is recorded later
        client.set_terminated(run_id, "FINISHED", end_time=run.info.end_time)
    return True


def _files(data: Path) -> Iterator[tuple[str, Path]]:
    for stage, patterns in PAGES.items():
        for pattern in patterns:
            for path in sorted((data / stage).glob(pattern)):
                yield f"{stage}/{path.name}", path


def _log_params(client: MlflowClient, run: Run, settings: Mapping[str, Any]) -> None:
    # MLflow params are written once; a gate that moved later is in settings.json.
    new = [
        Param(name, value)
        for name, value in flat(settings).items()
        if name not in run.data.params
    ]
    for start in range(0, len(new), BATCH):
        client.log_batch(run.info.run_id, params=new[start : start + BATCH])


def _log_figures(client: MlflowClient, run: Run, data: Path) -> None:
    now = int(time.time() * 1000)
    known = run.data.metrics
    new = [
        Metric(name, value, now, 0)
        for name, value in figures(data).items()
        if known.get(name) != value
    ]
    # MLflow compares runs by the metric that came first; it sorts those of a call
    client.log_batch(run.info.run_id, metrics=new[:1])
    new = new[1:]
    if "val_loss" not in known:  # no live curves: draw them now
        for row in HISTORY.read(data / "train").to_dict("records"):
            step = int(row.pop("epoch"))
            new += [Metric(str(k), float(v), now, step) for k, v in row.items()]
    for start in range(0, len(new), BATCH):
        client.log_batch(run.info.run_id, metrics=new[start : start + BATCH])


def _log_tags(client: MlflowClient, run: Run, data: Path) -> None:
    metrics = Metrics.read(data / Metrics.file)
    verdict = Verdict.read(data / Verdict.file)
    origin = Origin.read(data / Origin.file)
    tags = {
        "cxr.bundle_hash": metrics.bundle_hash,
        "cxr.split_hash": metrics.split_hash,
        "cxr.test_hash": metrics.test_hash,
        "cxr.n_test_studies": metrics.n_test_studies,
        facts.GATE: verdict.outcome,
        facts.GATE_REASONS: "; ".join(verdict.reasons),
        facts.COMMIT: origin.git_commit,
        facts.DIRTY: origin.git_dirty,
        facts.FOUND: "",  # whoever knows such a commit says so afterwards
        facts.ENVIRONMENT: origin.environment_hash,
        "mlflow.source.git.commit": origin.git_commit,
    } | {facts.DVC + path: md5 for path, md5 in lineage.data_state().items()}
    written = [RunTag(name, str(value)) for name, value in tags.items()]
    client.log_batch(run.info.run_id, tags=written)
    text = descriptions.describe(
        data, experiment_id=run.info.experiment_id, run_id=run.info.run_id
    )
    note = descriptions.keeping_notes(text, run.data.tags.get(descriptions.NOTE))
    client.set_tag(run.info.run_id, descriptions.NOTE, note)
    if not run.inputs.dataset_inputs:
        client.log_inputs(run.info.run_id, _datasets(data))


def _datasets(data: Path) -> list[DatasetInput]:
    """Name what each split was: MLflow shows it beside the run."""
    manifest = SplitManifest.read(data / SplitManifest.file)
    digest = manifest.hash[:32]
    return [
        DatasetInput(
            Dataset(
                name=name,
                digest=digest,
                source_type="dvc",
                source=str(data / "split"),
                profile=str(pd.Series(n.model_dump()).to_json()),
            ),
            [InputTag("mlflow.data.context", name)],
        )
        for name, n in manifest.n.items()
    ]


def figures(data: Path) -> dict[str, float]:
    """Return the figures that runs are compared by, bounds as `<name>.low`, `.high`.

    All others stand in figures.json and report.html of the run: among hundreds nobody
    finds these.
    """
    metrics = Metrics.read(data / Metrics.file)
    verdict = Verdict.read(data / Verdict.file)
    found = {name: metrics.figures.get(name) for name in COMPARED}
    given = {
        name + suffix: number
        for name, figure in found.items()
        if figure is not None
        for suffix, number in zip(("", ".low", ".high"), figure.limits, strict=True)
    }
    return given | {
        "gate.failed": float(verdict.count("fail")),
        "gate.not_assessed": float(verdict.count("not_assessed")),
        "n_test_studies": float(metrics.n_test_studies),
    }


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings: {"train": {"seed": 1}} -> {"train.seed": "1"}."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = str(value)
    return found
