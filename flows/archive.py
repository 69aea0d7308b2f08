"""What a night asks of the archive, before it reads the backlog."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from cxrmlops.backlog.archive_import import ArchiveQuery, Incoming
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.delivery import open_archive
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.system.clock import now
from flows.outcome import DELAYS, RedactForeignErrors, unreachable

NOTES = Path("data/score/archive.failed.txt")


def open_incoming(address: str, *, model_key: str | None) -> Incoming:
    """Prepare the night's question; an archive that is a folder has no answer to it.

    Args:
        address: of the archive.
        model_key: films that this model has answered are left; None: any model.
    """
    params, site = load_params(), load_site()
    today = now(site.time_zone).date()
    wishes = ArchiveQuery(
        first=today - timedelta(days=params.score.window_days),
        last=today,
        scope=scope_of(params.cohort, site),
        time_zone=site.time_zone,
        model_key=model_key,
    )
    archive = open_archive(address)
    return Incoming(archive, wishes, engine=open_database(), backlog=site.backlog)


@task(
    name="ask archive",
    task_run_name="ask archive",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
    cache_policy=NO_CACHE,
)
def ask(incoming: Incoming) -> None:
    """Ask the archive which studies there are."""
    with RedactForeignErrors(NOTES):
        studies = incoming.ask()
    if studies:
        get_run_logger().info("archive: %d studies in the window", studies)


@task(name="fetch", task_run_name="fetch", cache_policy=NO_CACHE)
def fetch(incoming: Incoming) -> None:
    """Bring films that are new into the backlog, and say what was left and why."""
    with RedactForeignErrors(NOTES):
        studies = incoming.fetch(load_params().score.fetch_studies)
    if not incoming.images:
        return
    rows = [{"what": name, "images": n} for name, n in incoming.images.items()]
    create_table_artifact(rows, key="archive", description="Images of the archive")
    said = ", ".join(f"{n} {name}" for name, n in sorted(incoming.images.items()))
    get_run_logger().info("archive: %d studies fetched; images: %s", studies, said)


@contextmanager
def fetching_ahead(incoming: Incoming) -> Iterator[None]:
    """Fetch the next films while the block works on those that came before.

    In a thread of this process, whatever runs the flow's tasks: a connection to the
    archive cannot travel. What it raises is raised when the block is done.
    """
    if incoming.is_done:
        yield
        return
    with ThreadPoolExecutor(1, "fetch") as thread:
        coming = thread.submit(copy_context().run, fetch, incoming)
        yield
        coming.result()


def unfetched_reasons(incoming: Incoming, asked: State[Any]) -> list[str]:
    """Return what the archive did not give, one sentence a reason."""
    told = [f"{n} studies were not fetched: {w}" for w, n in incoming.troubles.items()]
    if not asked.is_completed():
        told.append(f"the archive was not asked: {asked.result(False)}")
    if not incoming.is_done:
        told.append("the rest of the archive was not looked at")
    return told
