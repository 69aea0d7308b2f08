"""A program of ours that a flow runs to its end."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer

from cxrmlops.system.processes import end_marked, watched


@contextmanager
def running(
    command: Sequence[str],
    *,
    surroundings: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program to its end; cancelling the flow ends it and its children too.

    Args:
        command: program and words.
        surroundings: its environment; None: ours.
        seconds: that it has; then it is ended. None: as many as it takes.
    """
    with watched() as token:
        program = subprocess.Popen(
            command,
            env=surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us: DVC would tell it in its words
        )
        with program, _limited(token, seconds):
            try:
                yield program
            except BaseException:
                end_marked(token)
                raise


@contextmanager
def _limited(token: str, seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    timer = Timer(seconds, end_marked, [token])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
