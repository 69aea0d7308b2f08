"""One scheduled night at a time: what Prefect's own limit cannot do after a kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Completed, Crashed, Failed

from cxrmlops.backlog import nights
from cxrmlops.backlog.database import open_database

SKIPPED, BUSY = "Skipped", "Busy"  # a run that gives way to a night at work
KILLED = "its process was killed; a later night has taken up its work"


@contextmanager
def only_night() -> Iterator[State[Any] | None]:
    """Hold the night while the block works; give a state instead where it must not.

    A run of a deployment alone is counted. One that a person starts by hand works
    beside it, and both are safe.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        yield None
        return
    engine, name = open_database(), str(run.id)
    is_due = run.auto_scheduled and run.run_count <= 1  # else a person wants it
    due = run.expected_start_time.isoformat(timespec="milliseconds") if is_due else ""
    begun = nights.begin(engine, name, due=due)
    _tell_killed(begun.killed)
    if not begun.may_work:
        yield _left(begun, is_due=is_due)
        return
    with nights.held(engine, name):
        yield None


def _left(begun: nights.Begun, *, is_due: bool) -> State[Any]:
    if begun.taken_by:
        said = f"the night that began at {begun.taken_by} was later than this one is"
        return Completed(name=SKIPPED, message=f"{said} due: it has done its work")
    said = f"a night is at work since {begun.at_work}"
    if is_due:
        return Completed(name=SKIPPED, message=f"{said}: it does this one's work")
    return Failed(name=BUSY, message=f"{said}; start this one when it has ended")


def _tell_killed(runs: tuple[str, ...]) -> None:
    """Let Prefect show runs as crashed that it takes for running."""
    with get_client(sync_client=True) as client:
        for run in runs:
            try:
                if client.read_flow_run(run).state.is_running():
                    state = Crashed(message=KILLED)
                    client.set_flow_run_state(run, state, force=True)
            except Exception as error:  # noqa: BLE001 the night matters more
                get_run_logger().warning("run %s: %s", run, type(error).__name__)
