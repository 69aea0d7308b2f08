"""How a run ends: what is tried again, and what a person reads on the console."""

from typing import Any

from prefect.client.schemas.objects import State

from cxrmlops.errors import ServiceError


def unreachable(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Retry only what a second try can mend."""
    return isinstance(state.result(raise_on_failure=False), ServiceError)


def finish(state: State[Any]) -> None:
    """End the program: 0 when the run completed, else one sentence and 1."""
    if not state.is_completed():
        error = state.result(raise_on_failure=False)
        raise SystemExit(f"error: {error or state.message or state.name}")
