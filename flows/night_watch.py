"""What a night tells of itself when it begins and ends: heartbeat and notices.

Prefect calls these hooks, whatever way a run takes; an error in one is logged and does
not change how the run ended. They are called by the names of their arguments where a
worker saw the run crash.
"""

from typing import Any

from prefect.client.schemas.objects import FlowRun, State

from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.night_counts import count_since
from cxrmlops.operations import heartbeat
from cxrmlops.operations.notices import tell
from cxrmlops.params import Event
from cxrmlops.system.errors import CxrError
from flows.schedule import BUSY, SKIPPED

GAVE_WAY = (SKIPPED, BUSY)
EVENTS: dict[str, Event] = {"failed": "night_failed", "half": "night_half"}


def began(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Note that a night begins."""
    if not _is_night(flow_run):
        return
    heartbeat.begin(str(flow_run.id))


def ended(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Note how a night ended, and with what; one that gave way was none."""
    if not _is_night(flow_run):
        return
    if state.name in GAVE_WAY:
        heartbeat.withdraw(str(flow_run.id))
        return
    counts = _counts(heartbeat.began_at(str(flow_run.id)))
    said, judged = told(state), judge(state, counts)
    heartbeat.end(str(flow_run.id), judged, said=said, counts=counts)
    if judged in EVENTS:
        tell(EVENTS[judged], said)


def judge(state: State[Any], counts: dict[str, int]) -> heartbeat.State:
    """Tell a night in which all has an answer from half a one, and from none."""
    lacks = counts.get("failed", 0) + counts.get("waiting", 0)
    if state.is_completed() and not lacks:
        return "complete"
    answered = counts.get("scored", 0) + counts.get("rejected", 0)
    return "half" if state.is_completed() or answered else "failed"


def told(state: State[Any]) -> str:
    """Return the last sentence of a run; of a foreign error, its kind alone.

    Such an error may quote a patient's file; ours do not.
    """
    error = state.result(raise_on_failure=False)
    if isinstance(error, BaseException) and not isinstance(error, CxrError):
        return f"{type(error).__name__}, see the run's log"
    return str(error) if isinstance(error, CxrError) else state.message or state.name


def _is_night(run: FlowRun) -> bool:
    """Tell a night from a run that only counts what one would read again."""
    return run.parameters.get("rescore") != "count"


def _counts(since: str | None) -> dict[str, int]:
    if since is None:
        return {}
    try:
        return count_since(open_database(), since)
    except CxrError:  # no ledger: the end is noted without counts
        return {}


NIGHT: dict[str, Any] = {
    "on_running": [began],
    "on_completion": [ended],
    "on_failure": [ended],
    "on_crashed": [ended],
    "on_cancellation": [ended],
}
