"""What a training shows of itself on its page: stages, figures, gate, a summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry.service import run_page
from cxrmlops.reporting.gate_report import rows as gate_rows
from cxrmlops.reporting.training_text import training_text
from flows.outcome import show_synthetic_image

COLUMNS = ("value", "low", "high", "n")  # of a figure
PAGES = ("gate/gate.html", "evaluate/report.html", "examine/report.html")


@task(name="show stages", task_run_name="show stages")
def show_stages(done: Mapping[str, str]) -> None:
    """Say per stage whether there was work to do."""
    get_run_logger().info(
        "stages: %s", ", ".join(f"{stage} {became}" for stage, became in done.items())
    )
    rows = [{"stage": stage, "became": became} for stage, became in done.items()]
    create_table_artifact(rows, key="stages", description="What each stage did")


@task(name="show figures", task_run_name="show figures")
def show_figures(run_id: str, data: Path) -> None:
    """Show figures with intervals, the MLflow run, and a map of a synthetic film."""
    metrics = Metrics.read(data / Metrics.file)
    figures = metrics.figures | {"thumbnail.auc": metrics.thumbnail["auc"]}
    rows = [
        {"figure": name} | {key: _short(getattr(at, key)) for key in COLUMNS}
        for name, at in figures.items()
    ]
    create_table_artifact(
        rows, key="figures", description="Test figures with 95 % intervals"
    )
    create_link_artifact(
        run_page(run_id),
        link_text=f"MLflow run {run_id}",
        key="mlflow-run",
        description="Without an MLflow server, start one here: mlflow ui",
    )
    show_synthetic_image(data / "train" / "bundle")


@task(name="show gate", task_run_name="show gate")
def show_gate(verdict: Verdict) -> None:
    """Show every question of the gate, what failed first, as its page does."""
    create_table_artifact(
        gate_rows(verdict),
        key="gate",
        description=f"Gate {verdict.sentence}",
    )


def show_training(verdict: Verdict, run_id: str, *, said: str, data: Path) -> None:
    """Write the training's page: verdict, figures, gate, where more is to be read.

    Args:
        verdict: of the gate.
        run_id: of MLflow.
        said: what became of the model.
        data: folder of the stages' results.
    """
    pages = [f"[MLflow run]({run_page(run_id)})"] + [
        f"`{(data / page).absolute()}`" for page in PAGES
    ]
    text = training_text(
        verdict, Metrics.read(data / Metrics.file), offered=said, pages=pages
    )
    create_markdown_artifact(
        text, key="train-summary", description=f"Gate {verdict.sentence}"
    )


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
