"""MLflow while a training runs: the training's run and its live curves."""

import getpass
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from cxrmlops.registry import descriptions
from cxrmlops.registry.service import open_client, tracking_address, translated
from cxrmlops.stage_code import stage_code_hash
from cxrmlops.system.files import sha256_file, sha256_json
from cxrmlops.system.ranks import is_first

EXPERIMENT = "cxrmlops"
KIND = {  # of the experiment
    "mlflow.experimentKind": "custom_model_development",  # runs, not chats
    descriptions.NOTE: descriptions.EXPERIMENT,
}
FIRST = "val_auc"  # of an epoch's figures: the comparison of runs opens on it
TRAIN_HASH = "cxr.train_hash"  # tag: what finds a training's run again
SILENCE_SECONDS = 60.0  # after a failure MLflow is left alone for so long
LIVE_LIMITS = {  # seconds and tries: a curve is not worth waiting for
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}

log = logging.getLogger(__name__)


def train_hash(settings: Mapping[str, Any], *, split: Path = Path("data/split")) -> str:
    """Name a training by what decides its result: 64 hex digits.

    Args:
        settings: params.yaml as plain values.
        split: folder of the stage `split`; its table carries labels and pixel hashes.
    """
    return sha256_json(
        [
            settings["train"],
            settings["preprocess"]["size"],
            sha256_file(split / "images.parquet"),
            stage_code_hash("train"),
        ]
    )


def find_run(client: MlflowClient, name: str) -> Run | None:
    """Find the run of the training with this train hash."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    found = client.search_runs(
        [experiment.experiment_id], f"tags.`{TRAIN_HASH}` = '{name}'", max_results=1
    )
    return found[0] if found else None


def find_or_make_run(
    settings: Mapping[str, Any], *, split: Path, began: int | None = None
) -> str:
    """Return the id of this training's run; the same training has one run only.

    Args:
        settings: params.yaml as plain values.
        split: folder of the stage `split`.
        began: when a run that is made now began, in ms since 1970; None: now.

    Raises:
        ServiceError: MLflow did not answer; safe to repeat.
    """
    name = train_hash(settings, split=split)
    with translated():
        client = open_client()
        run = find_run(client, name) or client.create_run(
            _experiment(client),
            start_time=began,
            run_name=run_name(settings),
            tags={TRAIN_HASH: name} | _made_by(),
        )
    return str(run.info.run_id)


def run_name(settings: Mapping[str, Any]) -> str:
    """Name a training for people: `train resnet152 512 seed 1`."""
    train, size = settings["train"], settings["preprocess"]["size"]
    return f"train {train['architecture']} {size} seed {train['seed']}"


def _made_by() -> dict[str, str]:
    """Return the tags from which MLflow shows who made a run, and with what."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's number without a name
        user = ""
    source = {"mlflow.source.name": "cxrmlops train", "mlflow.source.type": "LOCAL"}
    return source | ({"mlflow.user": user} if user else {})


@contextmanager
def open_epoch_log(
    settings: Mapping[str, Any], *, split: Path = Path("data/split")
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Return a function that sends each epoch's figures to MLflow while training runs.

    The run is the one of MLFLOW_RUN_ID, else found or made by the train hash. Nothing
    here stops or delays a training: writing happens in a thread of its own, and an
    MLflow that does not answer is warned of once; the run is completed afterwards.

    Args:
        settings: params.yaml as plain values.
        split: folder of the stage `split`.
    """
    if not is_first():  # the copies of a distributed training have the same figures
        yield lambda figures: None
        return
    with _impatient(), ThreadPoolExecutor(1, "mlflow") as thread:
        live = _Live(thread, settings, split)
        try:
            yield live.send
        except BaseException:
            live.close("FAILED")
            raise
        live.close("FINISHED")


class _Live:
    """Sends figures from a thread; a future holds what went wrong there."""

    def __init__(
        self, thread: ThreadPoolExecutor, settings: Mapping[str, Any], split: Path
    ) -> None:
        self._thread = thread
        self._settings, self._split = settings, split
        self._client: MlflowClient | None = None
        self._run_id = os.environ.get("MLFLOW_RUN_ID", "")
        self._begun = bool(self._run_id)
        self._began = int(time.time() * 1000)  # the first epoch belongs to its time
        self._silent_until = 0.0
        self._warned = False

    def send(self, facts: Mapping[str, float]) -> None:
        self._begun = True
        step, now = int(facts["epoch"]), int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for name, value in facts.items()
            if name != "epoch"
        ]
        self._submit(lambda client: self._log(client, metrics))

    def _log(self, client: MlflowClient, metrics: list[Metric]) -> None:
        # MLflow compares runs by the metric that came first; it sorts those of a call
        for part in (True, False):
            some = [one for one in metrics if (one.key == FIRST) == part]
            client.log_batch(self._run_id, some)

    def close(self, status: str) -> None:
        if status == "FAILED" and not self._begun:
            return  # refused before its first epoch: no run to end, none to make
        self._submit(lambda client: client.set_terminated(self._run_id, status))

    def _submit(self, write: Callable[[MlflowClient], None]) -> None:
        self._thread.submit(self._write, write).add_done_callback(self._look)

    def _write(self, write: Callable[[MlflowClient], None]) -> None:
        if time.monotonic() < self._silent_until:
            return
        if self._client is None:
            client = open_client()
            self._run_id = self._run_id or find_or_make_run(
                self._settings, split=self._split, began=self._began
            )
            client.update_run(self._run_id, status="RUNNING")
            self._client = client
        write(self._client)

    def _look(self, written: Future[None]) -> None:
        error = written.exception()
        if error is None:
            return
        self._silent_until = time.monotonic() + SILENCE_SECONDS
        if not self._warned:
            log.warning(
                "no live curves: %s (%s); training goes on, its run is completed "
                "afterwards",
                type(error).__name__,
                str(error).partition("\n")[0],
            )
        self._warned = True


def _experiment(client: MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    if tracking_address().startswith("http"):  # a server knows where artifacts go
        return str(client.create_experiment(EXPERIMENT, tags=KIND))
    folder = Path("mlartifacts").absolute() / EXPERIMENT
    return str(client.create_experiment(EXPERIMENT, folder.as_uri(), tags=KIND))


@contextmanager
def _impatient() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in LIVE_LIMITS}
    os.environ |= {n: v for n, v in LIVE_LIMITS.items() if before[n] is None}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
