"""MLflow's curves of the nights: experiment `watch`, one run a model, a step a day."""

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.record import Part
from cxrmlops.records.watch import Watch
from cxrmlops.registry.service import open_client, tracking_address, translated
from cxrmlops.system.files import sha256_json

EXPERIMENT = "watch"
BUNDLE = "cxr.bundle_hash"
NIGHT = "cxr.night."  # tag: night -> hash of what was written about it


def log_watch(watch: Watch, page: Path) -> str:
    """Write a night's figures, and its page, into the run of its model.

    The step of a figure is the day of the night, counted from 1970-01-01; realised ones
    are of the newest month that is assessed. The same watch is written once.

    Args:
        watch: of one night.
        page: its page; counts and figures only.

    Returns:
        Id of the run.

    Raises:
        ServiceError: MLflow did not answer; safe to repeat.
    """
    content = sha256_json(watch.model_dump(mode="json"))
    with translated():
        client = open_client()
        run_id = _run(client, watch)
        tag = NIGHT + watch.date
        if client.get_run(run_id).data.tags.get(tag) == content:
            return run_id
        day = dt.date.fromisoformat(watch.date)
        step = (day - dt.date(1970, 1, 1)).days
        moment = step * 86_400_000  # ms since 1970
        metrics = [
            Metric(name, value, moment, step)
            for name, value in figures(watch).items()
            if math.isfinite(value)
        ]
        client.log_batch(run_id, metrics=metrics)
        client.log_artifact(run_id, str(page), watch.date)
        client.set_tag(run_id, tag, content)
        client.set_tag(run_id, "cxr.alarms", ", ".join(a.kind for a in watch.alarms))
    return run_id


def figures(watch: Watch) -> dict[str, float]:
    """Return what MLflow draws of a night, by name; what is not known is left out."""
    return dict(_figures(watch))


def _figures(watch: Watch) -> Iterator[tuple[str, float]]:
    yield "studies.night", float(watch.n_night)
    yield "studies.window", float(watch.n_window)
    yield "alarms", float(len(watch.alarms))
    yield from _shifts(watch)
    yield from _values("expected", watch.expected)
    yield from _values("calibration", watch.calibration)
    for month in [one for one in watch.months if not one.why][:1]:
        yield from _values("realised", month)


def _shifts(watch: Watch) -> Iterator[tuple[str, float]]:
    """Give the largest distance of each kind in the long window, and its alarm."""
    for kind in sorted({one.kind for one in watch.shifts}):
        rows = [one for one in watch.shifts if one.kind == kind]
        if long := [one.size for one in rows if one.nights > 1]:
            yield f"shift.{kind}", max(long)
        yield f"alarm.{kind}", float(any(one.is_alarm for one in rows))


def _values(name: str, part: Part) -> Iterator[tuple[str, float]]:
    for field, found in part:
        if isinstance(found, Estimate):
            yield f"{name}.{field}", found.value
            yield f"{name}.{field}.low", found.low
            yield f"{name}.{field}.high", found.high


def _run(client: MlflowClient, watch: Watch) -> str:
    experiment = _experiment(client)
    wanted = f"tags.`{BUNDLE}` = '{watch.bundle_hash}'"
    found = client.search_runs([experiment], wanted, max_results=1)
    if found:
        return str(found[0].info.run_id)
    name = f"{watch.model}-{watch.bundle_hash[:8]}"
    tags = {BUNDLE: watch.bundle_hash}
    return str(client.create_run(experiment, run_name=name, tags=tags).info.run_id)


def _experiment(client: MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    if tracking_address().startswith("http"):  # a server knows where artifacts go
        return str(client.create_experiment(EXPERIMENT))
    folder = Path("mlartifacts").absolute() / EXPERIMENT
    return str(client.create_experiment(EXPERIMENT, folder.as_uri()))
