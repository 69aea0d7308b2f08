"""
A program and every process that it starts end together.

Ctrl-C reaches what stands in the terminal's foreground, SIGTERM one process, and
SIGKILL leaves no time; DVC puts a shell between, Prefect starts a server, decoders have
processes of their own. So whatever is started below a guarded block carries a mark in
its environment (as Jenkins' BUILD_ID does), and who carries it is ended:

* after Ctrl-C or SIGTERM by this process. It becomes (exec) the program at the end of
  this file, so that none of its threads goes on: one that lives longer than its workers
  would take their end for the fault of a film.
* after SIGKILL by a watcher in a session of its own, which sees its input close.

Of Linux's /proc; elsewhere nothing is found, and only the process itself ends.
"""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

MARK = "CXR_STARTED_BY"  # in the environment: tokens of the guarded blocks above
INTERRUPTED = "interrupted; run the same command again to go on"
GRACE_SECONDS = 3.0  # to put things away after SIGTERM; then SIGKILL
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLL_SECONDS = 0.05
_WELL = b"."  # tells a watcher that there is nothing to end
_PROC = Path("/proc")


class Interrupted(BaseException):
    """A person or the system ends this process; nothing but cleaning up should run."""


@contextmanager
def guarded(*, at_once: bool = False) -> Iterator[None]:
    """End with everything that the block starts, on Ctrl-C and SIGTERM; 130 or 143.

    One sentence is said, by the outermost of nested programs.

    Args:
        at_once: leave where the threads stand, as a kill does. Else the main thread
            has `GRACE_SECONDS` to unwind, with `Interrupted`.
    """
    sentence = "" if MARK in os.environ else INTERRUPTED
    with watched() as token, _listening(token, sentence, at_once):
        yield


def tell_interruption() -> None:
    """Report one sentence, no traceback, on Ctrl-C while a program still loads."""
    usual = sys.excepthook

    def tell(
        kind: type[BaseException], error: BaseException, where: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            usual(kind, error, where)
        elif MARK not in os.environ:
            os.write(2, f"\n{INTERRUPTED}\n".encode())

    sys.excepthook = tell


@contextmanager
def watched() -> Iterator[str]:
    """Mark what the block starts, and end it should this process be killed.

    Yields:
        The token to end it by, see `end_marked`.
    """
    before, token = os.environ.get(MARK), secrets.token_hex(8)
    surroundings = {name: v for name, v in os.environ.items() if name != MARK}
    watcher = subprocess.Popen(
        _command("watch", token),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=surroundings,
        start_new_session=True,
    )
    os.environ[MARK] = f"{before or ''} {token}".strip()
    try:
        yield token
    finally:
        if before is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = before
        with suppress(BrokenPipeError):  # somebody ended the watcher
            watcher.communicate(_WELL)


def end_marked(token: str) -> None:
    """End every other process with this token: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        told: set[int] = set()
        until = time.monotonic() + GRACE_SECONDS
        while (left := _marked(token)) and time.monotonic() < until:
            for process in left:
                if process not in told:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(process, number)
            told.update(left)
            time.sleep(_POLL_SECONDS)
        if not left:
            return


@contextmanager
def _listening(token: str, sentence: str, at_once: bool) -> Iterator[None]:
    """Let a thread hear the signals: the main one may be busy, or have other handlers.

    Prefect puts its own in the place of ours; the system's write to the pipe stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    unwound = threading.Event()
    if at_once:
        unwound.set()
    ear = threading.Thread(
        target=_listen, args=(reader, token, sentence, unwound), daemon=True
    )
    heard = [n for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN]  # nohup, &
    before = {number: signal.signal(number, _unwind) for number in heard}
    outer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    ear.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(outer)
        os.close(writer)
        unwound.set()
        ear.join()  # forever, if a signal came: it becomes another program
        os.close(reader)
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(reader: int, token: str, sentence: str, unwound: threading.Event) -> None:
    while number := os.read(reader, 1):
        if number[0] in SIGNALS:
            unwound.wait(GRACE_SECONDS)
            code = str(128 + number[0])
            words = _command("end", token, code, sentence)
            os.execve(sys.executable, words, _as_started())


def _as_started() -> dict[str, str]:
    """Return the surroundings of one that ends the marked, and is not among them.

    Marks of this process's own blocks, inner ones too, would let their watchers end it.
    """
    return {**os.environ, MARK: " ".join(_tokens(os.getpid()))}


def _unwind(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


def _command(*words: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).absolute()), *words]


def _marked(token: str) -> list[int]:
    """Return the processes that carry this token, oldest number first."""
    numbers = sorted(int(path.name) for path in _PROC.glob("[0-9]*"))
    return [n for n in numbers if n != os.getpid() and token in _tokens(n)]


def _tokens(process: int) -> list[str]:
    try:
        surroundings = (_PROC / str(process) / "environ").read_bytes()
    except OSError:  # gone, or another user's
        return []
    start = f"{MARK}=".encode()
    marks = [one for one in surroundings.split(b"\0") if one.startswith(start)]
    return marks[0].removeprefix(start).decode().split() if marks else []


def _end(token: str, code: str, sentence: str) -> int:
    if sentence:
        os.write(2, f"\n{sentence}\n".encode())
    end_marked(token)
    return int(code)


def _watch(token: str) -> int:
    if sys.stdin.buffer.read() != _WELL:
        end_marked(token)
    return 0


if __name__ == "__main__":  # imports nothing of ours: it starts in 20 ms
    for kind in SIGNALS:
        signal.signal(kind, signal.SIG_IGN)
    task, *words = sys.argv[1:]
    sys.exit(_watch(*words) if task == "watch" else _end(*words))
