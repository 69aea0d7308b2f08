"""A flow as a command of a person or of cron: one sentence and an exit code at its end.

On a Prefect worker none of this is used: there Prefect starts and ends the process.
"""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
from prefect import tags
from prefect.client.schemas.objects import State
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
)

from cxrmlops.system.errors import CxrError, ServiceError
from cxrmlops.system.processes import guarded
from flows.home import VARIABLE, require_home

STARTUP = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"


def run_by_hand(command: Callable[[], object]) -> None:
    """Run a command; Ctrl-C and SIGTERM end it and all that it started, at once.

    Work in threads cannot be told to stop; what a kill leaves the next run goes on
    with.
    """
    until_the_end = ExitStack()  # Prefect puts its server away when Python ends
    atexit.register(until_the_end.close)
    until_the_end.enter_context(guarded(at_once=True))
    command()


def completed(flow: Callable[[], State[Any]], *, tag: str) -> None:
    """Run a flow; end the program with one sentence and 1 unless it completed.

    Args:
        flow: runs it.
        tag: of the run, as its deployment has it in prefect.yaml.
    """
    try:
        require_home()
        _start_server()
        with tags(tag):
            state = flow()
    except CxrError as error:
        raise SystemExit(f"error: {error}") from None
    if not state.is_completed():
        error = state.result(raise_on_failure=False)
        raise SystemExit(f"error: {error or state.message or state.name}")


def _start_server() -> None:
    """Start the temporary server of this process, unless there is a lasting one.

    Prefect would do so by itself, and tell a failure in a thousand lines.

    Raises:
        ServiceError: it does not start.
    """
    if PREFECT_API_URL.value() or not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value():
        return
    try:
        SubprocessASGIServer().start()
    except (RuntimeError, httpx.HTTPError):
        seconds = PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()
        raise ServiceError(
            f"Prefect's temporary server did not answer within {seconds} s; run again "
            f"when the machine is less busy, give it longer ({STARTUP}), look whether "
            f"{VARIABLE} names a folder on a local disk, or set PREFECT_API_URL to a "
            "server that runs"
        ) from None
