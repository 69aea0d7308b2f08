"""What a training tells of itself when it ends: a refusal, or a failure."""

from typing import Any

from prefect.client.schemas.objects import FlowRun, State

from cxrmlops.operations.notices import tell
from flows.night_watch import told

REFUSED = "Refused"  # name of a state that is completed


def completed(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Tell that gate, comparison or registration refused the candidate."""
    if state.name == REFUSED:
        tell("gate_refused", told(state))


def failed(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Tell that there is no candidate, and why."""
    tell("training_failed", told(state))


TRAINING: dict[str, Any] = {
    "on_completion": [completed],
    "on_failure": [failed],
    "on_crashed": [failed],
}
