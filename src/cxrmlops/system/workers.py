"""
Run a function over many inputs in worker processes that may die without harm.

A hostile film can crash a native decoder, fill the memory or never end. It then costs
its worker, not the night: the input is tried once more alone, and if that worker dies
too, the input is given back as lost. Inputs are taken only as fast as results are, so
memory stays flat however many there are.
"""

import itertools
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from cxrmlops.system.errors import CxrError

log = logging.getLogger(__name__)

Input = TypeVar("Input")
Output = TypeVar("Output")


@dataclass(frozen=True)
class WorkerLimits:
    """What one input may cost."""

    seconds: int = 60  # of processor time, then the worker is ended; waiting is free
    patience: int = 10  # times as many by the clock: a busy machine is nobody's fault
    bytes: int = 8 * 2**30  # address space of a worker


# Of workers. Where cores are few the network comes first: its threads wait for each
# other, so a worker that takes one of two cores from it stops both.
NICENESS = 19

_FIRST = "cxrmlops.system.one_thread"  # of all that workers load

# After an interruption the tracker removes our semaphores, which need not be told.
_QUIET_TRACKER = "ignore:resource_tracker:UserWarning"
_LOCK, _MAIN = threading.Lock(), threading.Lock()
_POOLS: "dict[tuple[int, WorkerLimits, Path], ProcessPoolExecutor]" = {}


@dataclass(frozen=True)
class IsolatedResult(Generic[Input, Output]):
    """One input and what became of it."""

    input: Input
    output: Output | None  # None: lost, `why` says how
    why: str = ""


def worker_count() -> int:
    """Return the number of processes: CXR_WORKERS, or one per core we may use.

    0 means none: work is done in this process, without a fence.
    """
    return int(os.environ.get("CXR_WORKERS") or len(os.sched_getaffinity(0)))


def map_isolated(
    function: Callable[[Input], Output],
    inputs: Iterable[Input],
    *,
    workers: int,
    ahead: int,
    limits: WorkerLimits = WorkerLimits(),
) -> Iterator[IsolatedResult[Input, Output]]:
    """Apply `function` to each input, at most `ahead` of them at once.

    Args:
        function: importable by name, takes and gives what can be pickled.
        inputs: taken as results are asked for.
        workers: processes; 0 works in this process, without a fence.
        ahead: inputs that wait, run or are done before their result is asked for.
        limits: of one input.

    Yields:
        One result per input, in the order of the inputs.
    """
    if workers == 0:
        yield from (IsolatedResult(item, function(item)) for item in inputs)
        return
    sent = deque[_Sent[Input, Output]]()
    try:
        yield from _in_order(function, iter(inputs), sent, workers, ahead, limits)
    finally:
        for one in sent:  # the caller stopped asking
            if one.future is not None:
                one.future.cancel()


@dataclass
class _Sent(Generic[Input, Output]):
    """An input on its way; the future changes when a pool breaks."""

    input: Input
    future: "Future[Output] | None" = None


def _in_order(  # noqa: PLR0913
    function: Callable[[Input], Output],
    todo: Iterator[Input],
    sent: "deque[_Sent[Input, Output]]",
    workers: int,
    ahead: int,
    limits: WorkerLimits,
) -> Iterator[IsolatedResult[Input, Output]]:
    while True:
        pool = _shared_pool(workers, limits, function.__module__)
        try:
            for one in sent:  # of the pool that broke
                one.future = pool.submit(_timed, function, one.input, limits)
            while _send(pool, function, todo, sent, ahead, limits):
                yield _done(sent[0])
                sent.popleft()
            return
        except BrokenProcessPool:
            _discard(pool)
            log.warning("a worker died; the file it read is tried once more, alone")
        yield _alone(function, sent.popleft().input, limits)


def _send(
    pool: ProcessPoolExecutor,
    function: Callable[[Input], Output],
    todo: Iterator[Input],
    sent: "deque[_Sent[Input, Output]]",
    ahead: int,
    limits: WorkerLimits,
) -> bool:
    """Keep `ahead` inputs on their way; False when none is left."""
    for item in itertools.islice(todo, ahead - len(sent)):
        sent.append(_Sent(item))  # before sending, which fails if the pool is broken
        sent[-1].future = pool.submit(_timed, function, item, limits)
    return bool(sent)


def _done(one: "_Sent[Input, Output]") -> IsolatedResult[Input, Output]:
    if one.future is None:  # its pool broke before it could be sent
        raise BrokenProcessPool
    error = one.future.exception()
    if error is None:
        return IsolatedResult(one.input, one.future.result())
    if isinstance(error, CxrError | BrokenProcessPool):
        raise error
    log.error("a worker could not read a file: %s", type(error).__name__)
    return IsolatedResult(one.input, None, type(error).__name__)


def _alone(
    function: Callable[[Input], Output], item: Input, limits: WorkerLimits
) -> IsolatedResult[Input, Output]:
    with _pool(1, limits, function.__module__) as pool:
        try:
            future = pool.submit(_timed, function, item, limits)
            return _done(_Sent(item, future))
        except BrokenProcessPool:
            why = f"the decoder crashed or took more than {limits.seconds} s"
            return IsolatedResult(item, None, why)


def _timed(
    function: Callable[[Input], Output], item: Input, limits: WorkerLimits
) -> Output:
    """Run in a worker; either alarm ends the whole process, native code included."""
    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, signal.SIG_DFL)
    _set_alarms(limits.seconds, limits.seconds * limits.patience)
    try:
        return function(item)
    finally:
        _set_alarms(0, 0)


def _set_alarms(processor: int, clock: int) -> None:
    signal.setitimer(signal.ITIMER_PROF, processor)
    signal.setitimer(signal.ITIMER_REAL, clock)


def _shared_pool(
    workers: int, limits: WorkerLimits, preload: str
) -> ProcessPoolExecutor:
    """Return the pool that all callers of this process share.

    Workers are started once a night, not once a chunk, and chunks that are read at the
    same time do not start more processes than the machine has cores.
    """
    key = workers, limits, Path.cwd()  # a worker stays where it was started
    with _LOCK:
        if key not in _POOLS:
            _POOLS[key] = _pool(workers, limits, preload)
        return _POOLS[key]


def _discard(pool: ProcessPoolExecutor) -> None:
    with _LOCK:
        for key in [key for key, known in _POOLS.items() if known is pool]:
            del _POOLS[key]
    pool.shutdown(wait=False)


def _pool(workers: int, limits: WorkerLimits, preload: str) -> ProcessPoolExecutor:
    """Start from a clean process: a plain fork would copy the caller's threads."""
    if _QUIET_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(_QUIET_TRACKER)  # handed to the tracker's own process
    context = _Context()
    context.set_forkserver_preload([_FIRST, preload])
    return ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=(limits.bytes,)
    )


class _Worker(ForkServerProcess):
    """A process that does not load the program that started it.

    That program is a flow, with Prefect and torch: seconds and half a gigabyte each.
    """

    def start(self) -> None:
        """Start while there is no main module to tell the process about.

        A daemonic process, such as Dask's nanny keeps, may have no children, lest it is
        ended and they go on. Ours end with their parent (`_leave_with_parent`).
        """
        config: dict[str, Any] = vars(multiprocessing.current_process())["_config"]
        with _MAIN:  # two threads at once would not find it again
            main, daemonic = sys.modules["__main__"], config.pop("daemon", None)
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main
                if daemonic is not None:
                    config["daemon"] = daemonic


class _Context(ForkServerContext):
    Process = _Worker


def _start_worker(most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the film
    with suppress(OSError):  # a locked-down container may forbid it: slower, no worse
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """Leave when the parent was killed: nobody else would tell a worker."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
