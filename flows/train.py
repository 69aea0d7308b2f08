"""Bring every DVC stage up to date, then offer the candidate to the registry."""

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from typer import Option, run

from flows.by_hand import begin_by_hand, completed

if __name__ == "__main__":
    begin_by_hand()  # first: what is loaded below takes seconds

from cxrmlops.params import load_params
from cxrmlops.promotion import clean_code, registration
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import versions
from cxrmlops.registry.tracking import find_or_make_run
from cxrmlops.system.errors import CxrError, ServiceError
from cxrmlops.system.files import only_run
from flows.names import training
from flows.outcome import DELAYS, unreachable
from flows.programs import running
from flows.progress import Bar, read_line
from flows.training_summary import (
    show_figures,
    show_gate,
    show_stages,
    show_training,
)
from flows.training_watch import TRAINING

# No stage that reads the test patients is a place to stop: each look is counted.
Until = Literal["cohort", "preprocess", "validate", "split", "train", "register"]
DATA = Path("data")
HINTS = ("To track", "git add", "To enable", "dvc config", "Use `dvc push`")
STAMP = re.compile(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) ")
WORDS = {  # of DVC or of the stage -> what became of the stage
    "didn't change, skipping": "up to date",
    "is cached - skipping run": "restored from the cache",
    ": unchanged": "unchanged",
}


@flow(name="train", flow_run_name=training, **TRAINING)
def train(until: Until = "register") -> State[Any]:
    """From raw studies to a registered candidate, or a refusal with its reasons.

    What is learnt, and how, stands in params.yaml, which DVC watches.

    Args:
        until: the last step. `cohort`, `preprocess`, `validate` or `split`: look at
            the data first; `train`: no look at the test patients yet; `register`: to
            the end.
    """
    with only_run("training"):
        return bring_up_to_date(until)


def bring_up_to_date(until: Until) -> State[Any]:
    """Do what is not up to date, and offer the model."""
    params = load_params()
    if why := clean_code.foreseen(params.promotion):
        get_run_logger().warning("%s", why)
    settings = params.model_dump(mode="json", by_alias=True)
    stages = list(yaml.safe_load(Path("dvc.yaml").read_text())["stages"])
    if until != "register":
        stages = stages[: stages.index(until) + 1]
    show_stages(repro_all(stages, settings))
    if until != "register":
        return Completed(message=f"as far as {until}, as asked; no model was judged")
    run_id = record(settings)
    show_figures(run_id, DATA)
    verdict = Verdict.read(DATA / Verdict.file)
    show_gate(verdict)
    state = offered(verdict, run_id)
    show_training(verdict, run_id, said=str(state.message), data=DATA)
    return state


def repro_all(stages: Sequence[str], settings: Mapping[str, Any]) -> dict[str, str]:
    """Bring stages up to date, one after the other; say what became of each."""
    bar, done = Bar("train-progress"), {}
    for number, stage in enumerate(stages):
        bar.tell(number, len(stages), what="stages")
        run_id = open_run(settings) if stage == "train" else ""
        done[stage] = repro(stage, run_id, bar.tell)
    bar.tell(len(stages), len(stages), what="stages")
    return done


def offered(verdict: Verdict, run_id: str) -> State[Any]:
    """Offer a model that passed its gate; say what became of it."""
    if not verdict.passed:
        why = "; ".join([*verdict.reasons, f"gate {verdict.sentence}"])
        return Completed(name=verdict.outcome.capitalize(), message=why)
    offer = register(run_id)
    return Completed(
        name="Refused" if offer.refused else None,
        message=f"{offer.said}; gate {verdict.sentence}",
    )


@task(name="repro", task_run_name="{stage}", cache_policy=NO_CACHE)
def repro(stage: str, run_id: str = "", tell: Callable[..., None] | None = None) -> str:
    """Bring one stage up to date; DVC decides whether there is work to do."""
    log = get_run_logger()
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
    became, last = "ran", ""
    with running(command, surroundings=_surroundings(MLFLOW_RUN_ID=run_id)) as dvc:
        for line in map(str.rstrip, dvc.stdout or ()):
            if line.strip() and not line.strip().startswith(HINTS):
                level, text = _levelled(line)
                log.log(level, text)
            if tell and (told := read_line(line)):
                tell(*told[:2], what=told[2])
            became = next(
                (word for sign, word in WORDS.items() if sign in line), became
            )
            last = line if line.startswith("error: ") else last
    if dvc.returncode:
        why = last.removeprefix("error: ") or "its own message is just above"
        raise CxrError(f"stage '{stage}' failed: {why}")
    return became


@task(name="open run", task_run_name="open run")
def open_run(settings: Mapping[str, Any]) -> str:
    """Find or make the training's MLflow run; without MLflow training goes on."""
    try:
        return find_or_make_run(settings, split=DATA / "split")
    except ServiceError as error:
        get_run_logger().warning("no live curves: %s", error)
        return ""


@task(
    name="record",
    task_run_name="record",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
)
def record(settings: Mapping[str, Any]) -> str:
    """Complete the training's run in MLflow, and count the look at the test set."""
    run_id, new = registration.record(settings, data=DATA)
    became = "completed" if new else "was complete"
    get_run_logger().info("MLflow run %s %s", run_id, became)
    return run_id


@task(
    name="register",
    task_run_name="register",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
)
def register(run_id: str) -> registration.Offer:
    """Offer the candidate to the registry; the same bundle is registered once."""
    offer = registration.offer(run_id, params=load_params().promotion, data=DATA)
    get_run_logger().info("%s: %s", versions.MODEL, offer.said)
    return offer


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


def main(
    until: Annotated[Until, Option(help="the last step")] = "register",
) -> None:
    """From raw studies to a registered candidate, or a refusal with its reasons.

    Example: python -m flows.train --until split
    """
    completed(lambda: train(until=until, return_state=True), tag="train")


if __name__ == "__main__":
    run(main)
