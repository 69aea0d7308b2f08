"""How far a long run is, as a bar on its page; told every few seconds."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event, Thread

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

SECONDS = 10.0  # between two calls of Prefect's API, at least
# What stages log of themselves: preprocess every few films, train every epoch.
LINES = (
    (re.compile(r"preprocess: (\d+)/(\d+) films"), "preprocess", "films"),
    (re.compile(r"train: epoch (\d+) of (\d+),"), "train", "epochs"),
)


@dataclass
class Bar:
    """A progress artifact of a run; an API that does not answer stops nothing."""

    key: str
    seconds: float = SECONDS
    _id: object = None
    _what: str = ""  # is counted
    _start: tuple[float, int] = (0.0, 0)  # when, and what was done then
    _told: float = field(default=float("-inf"))

    def tell(self, done: int, of: int, *, what: str, last: bool = False) -> None:
        """Show how much is done.

        Args:
            done: so many.
            of: so many.
            what: they are; another thing than before begins anew.
            last: show it even where the last time is seconds ago.
        """
        if not of:
            return
        now = time.monotonic()
        if what != self._what:
            self._what, self._start, self._told = what, (now, done), float("-inf")
        if now - self._told < self.seconds and not last and done < of:
            return
        self._told = now
        began, before = self._start
        rest = time_left(now - began, done - before, of - done)
        self._show(100 * done / of, f"{done} of {of} {what}{rest}")

    def _show(self, percent: float, said: str) -> None:
        try:
            if self._id is None:
                self._id = create_progress_artifact(percent, self.key, said)
            else:
                update_progress_artifact(self._id, percent, said)
        except Exception as error:  # noqa: BLE001 the run matters more
            get_run_logger().warning("no progress shown: %s", type(error).__name__)


def time_left(seconds: float, done: int, left: int) -> str:
    """Say how long what is left will take at the speed so far; "" not known, or done.

    Args:
        seconds: that `done` took.
        done: so many.
        left: so many.
    """
    if done <= 0 or left <= 0:
        return ""
    minutes = seconds / done * left / 60
    if minutes < 1:
        return ", less than a minute left"
    if minutes < 90:
        return f", about {minutes:.0f} min left"
    return f", about {minutes / 60:.1f} h left"


def read_line(line: str) -> tuple[int, int, str] | None:
    """Return done, of and what, where a stage's line tells of its progress."""
    for pattern, stage, what in LINES:
        if match := pattern.search(line):
            return int(match[1]), int(match[2]), f"{what} ({stage})"
    return None


@contextmanager
def watched_progress(
    bar: Bar, count: Callable[[], tuple[int, int]], *, what: str
) -> Iterator[None]:
    """Show what `count` returns, again and again while the block works.

    In a thread of this process, whatever does the work and on how many machines.

    Args:
        bar: to show it on.
        count: done, of.
        what: is counted.
    """
    ended = Event()

    def look() -> None:
        while not ended.wait(bar.seconds):
            tell(last=False)

    def tell(*, last: bool) -> None:
        try:
            done, of = count()
        except Exception as error:  # noqa: BLE001 who works says what is wrong
            get_run_logger().warning("no progress known: %s", type(error).__name__)
            return
        bar.tell(done, of, what=what, last=last)

    tell(last=False)
    thread = Thread(target=copy_context().run, args=(look,), name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell(last=True)
