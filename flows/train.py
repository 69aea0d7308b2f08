"""Bring every DVC stage up to date, then offer the candidate to the registry."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_link_artifact,
    create_table_artifact,
)
from prefect.client.schemas.objects import State
from prefect.states import Completed

from cxrmlops.params import load_params
from cxrmlops.promotion import clean_code, registration
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import versions
from cxrmlops.registry.service import run_page
from cxrmlops.registry.tracking import find_or_make_run
from cxrmlops.reporting.gate_report import rows as gate_rows
from cxrmlops.system.errors import CxrError, ServiceError
from cxrmlops.system.files import only_run
from cxrmlops.system.processes import end_marked, watched
from flows.by_hand import completed, run_by_hand
from flows.outcome import DELAYS, show_synthetic_image, unreachable
from flows.training_watch import TRAINING

DATA = Path("data")
HINTS = ("To track", "git add", "To enable", "dvc config", "Use `dvc push`")
COLUMNS = ("value", "low", "high", "n")  # of a figure
STAMP = re.compile(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) ")
WORDS = {  # of DVC or of the stage -> what became of the stage
    "didn't change, skipping": "up to date",
    "is cached - skipping run": "restored from the cache",
    ": unchanged": "unchanged",
}


@flow(name="train", **TRAINING)
def train() -> State[Any]:
    """From raw studies to a registered candidate, or a refusal with its reasons."""
    with only_run("training"):
        return bring_up_to_date()


def bring_up_to_date() -> State[Any]:
    """Do what is not up to date, and offer the model."""
    params = load_params()
    if why := clean_code.foreseen(params.promotion):
        get_run_logger().warning("%s", why)
    settings = params.model_dump(mode="json", by_alias=True)
    done = {}
    for stage in yaml.safe_load(Path("dvc.yaml").read_text())["stages"]:
        run_id = open_run(settings) if stage == "train" else ""
        done[stage] = repro(stage, run_id)
    show_stages(done)
    run_id = record(settings)
    show_figures(run_id)
    verdict = Verdict.read(DATA / Verdict.file)
    show_gate(verdict)
    if not verdict.passed:
        why = "; ".join([*verdict.reasons, f"gate {verdict.sentence}"])
        return Completed(name="Refused", message=why)
    offer = register(run_id)
    return Completed(
        name="Refused" if offer.refused else None,
        message=f"{offer.said}; gate {verdict.sentence}",
    )


@task(name="repro", task_run_name="{stage}")
def repro(stage: str, run_id: str = "") -> str:
    """Bring one stage up to date; DVC decides whether there is work to do."""
    log = get_run_logger()
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
    became, last = "ran", ""
    with _running(command, MLFLOW_RUN_ID=run_id) as dvc:
        for line in map(str.rstrip, dvc.stdout or ()):
            if line.strip() and not line.strip().startswith(HINTS):
                level, text = _levelled(line)
                log.log(level, text)
            became = next(
                (word for sign, word in WORDS.items() if sign in line), became
            )
            last = line if line.startswith("error: ") else last
    if dvc.returncode:
        why = last.removeprefix("error: ") or "its own message is just above"
        raise CxrError(f"stage '{stage}' failed: {why}")
    return became


@task(name="open run")
def open_run(settings: Mapping[str, Any]) -> str:
    """Find or make the training's MLflow run; without MLflow training goes on."""
    try:
        return find_or_make_run(settings, split=DATA / "split")
    except ServiceError as error:
        get_run_logger().warning("no live curves: %s", error)
        return ""


@task(
    name="record", retries=3, retry_delay_seconds=DELAYS, retry_condition_fn=unreachable
)
def record(settings: Mapping[str, Any]) -> str:
    """Complete the training's run in MLflow, and count the look at the test set."""
    run_id, new = registration.record(settings, data=DATA)
    became = "completed" if new else "was complete"
    get_run_logger().info("MLflow run %s %s", run_id, became)
    return run_id


@task(
    name="register",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
)
def register(run_id: str) -> registration.Offer:
    """Offer the candidate to the registry; the same bundle is registered once."""
    offer = registration.offer(run_id, params=load_params().promotion, data=DATA)
    get_run_logger().info("%s: %s", versions.MODEL, offer.said)
    return offer


@task(name="show stages")
def show_stages(done: Mapping[str, str]) -> None:
    """Say per stage whether there was work to do."""
    get_run_logger().info(
        "stages: %s", ", ".join(f"{stage} {became}" for stage, became in done.items())
    )
    rows = [{"stage": stage, "became": became} for stage, became in done.items()]
    create_table_artifact(rows, key="stages", description="What each stage did")


@task(name="show figures")
def show_figures(run_id: str) -> None:
    """Show figures with intervals, the MLflow run, and a map of a synthetic film."""
    metrics = Metrics.read(DATA / Metrics.file)
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
    show_synthetic_image(DATA / "train" / "bundle")


@task(name="show gate")
def show_gate(verdict: Verdict) -> None:
    """Show every question of the gate, what failed first, as its page does."""
    create_table_artifact(
        gate_rows(verdict),
        key="gate",
        description=f"{'Passed' if verdict.passed else 'Refused'}: {verdict.sentence}",
    )


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _levelled(line: str) -> tuple[int, str]:
    """Take a stage's own time and level off its line: Prefect shows both."""
    match = STAMP.match(line)
    if match is None:
        return logging.INFO, line
    return logging.getLevelNamesMapping()[match[1]], line[match.end() :]


def _surroundings(**values: str) -> dict[str, str]:
    """Return the environment of a stage: our own programs first on the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    ours = {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}
    return os.environ | ours | {name: value for name, value in values.items() if value}


@contextmanager
def _running(
    command: Sequence[str], **values: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program to its end; cancelling the flow ends it and its children too."""
    with watched() as token:
        program = subprocess.Popen(
            command,
            env=_surroundings(**values),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us: DVC would tell it in its words
        )
        with program:
            try:
                yield program
            except BaseException:
                end_marked(token)
                raise


if __name__ == "__main__":
    run_by_hand(lambda: completed(lambda: train(return_state=True)))
