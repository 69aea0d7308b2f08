"""A flow as a command of a person or of cron: one sentence and an exit code at its end.

On a Prefect worker none of this is used: there Prefect starts and ends the process.
"""

import atexit
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from threading import Thread
from typing import Any

import httpx
from prefect import tags
from prefect.client.schemas.objects import State
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
)

from cxrmlops.system.errors import CxrError, ServiceError
from cxrmlops.system.processes import guarded
from flows.home import VARIABLE, require_home

STARTUP = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
_EARLY: "Future[None]" = Future()  # the server, where `begin_by_hand` has begun it


def begin_by_hand() -> None:
    """Begin a program, before most of it is loaded: its server starts meanwhile.

    Ctrl-C and SIGTERM end it and all that it started, at once. Work in threads cannot
    be told to stop; what a kill leaves the next run goes on with.
    """
    until_the_end = ExitStack()  # Prefect puts its server away when Python ends
    atexit.register(until_the_end.close)
    until_the_end.enter_context(guarded(at_once=True))
    if _has_server() or "--help" in sys.argv:
        return
    # loaded here: two threads that load modules may wait for each other
    import prefect.server.api.server  # noqa: F401

    _EARLY.set_running_or_notify_cancel()
    Thread(target=_start_early, daemon=True).start()


def completed(flow: Callable[[], State[Any]], *, tag: str) -> None:
    """Run a flow; end the program with one sentence and 1 unless it completed.

    Args:
        flow: runs it.
        tag: of the run, as its deployment has it in prefect.yaml.
    """
    try:
        if _EARLY.running() or _EARLY.done():
            _EARLY.result()
        else:
            _start_server()
        with tags(tag):
            state = flow()
    except CxrError as error:
        raise SystemExit(f"error: {error}") from None
    if not state.is_completed():
        error = state.result(raise_on_failure=False)
        raise SystemExit(f"error: {error or state.message or state.name}")


def _start_early() -> None:
    try:
        _start_server()
    except BaseException as error:  # noqa: BLE001 raised where the server is needed
        _EARLY.set_exception(error)
    else:
        _EARLY.set_result(None)


def _start_server() -> None:
    """Start the temporary server of this process, unless there is a lasting one.

    Prefect would do so by itself, and tell a failure in a thousand lines.

    Raises:
        ParamsError: Prefect cannot keep anything here.
        ServiceError: it does not start.
    """
    require_home()
    if _has_server():
        return
    # seconds, and for nothing where a server lasts
    from prefect.server.api.server import SubprocessASGIServer

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


def _has_server() -> bool:
    """Return whether there is a lasting server, or a temporary one is not wanted."""
    return bool(
        PREFECT_API_URL.value() or not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value()
    )
