"""Where the work of a night runs: threads of this process, or a Dask cluster."""

import os
import sys
from typing import Any
from uuid import uuid4

import cloudpickle
from prefect import Task, get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, serialize_context
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from cxrmlops.backlog.database import is_shared
from cxrmlops.system.errors import ParamsError, ServiceError

PER_MACHINE = 2  # chunks at once: one is read, another reported and delivered
LOST = ("KilledWorker", "FutureCancelledError")  # of Dask; not loaded without it
WORKERS_SECONDS = 60  # that a cluster has for its first worker to come


def address() -> str:
    """Return where the Dask scheduler is: CXR_DASK; "" none."""
    return os.environ.get("CXR_DASK", "")


def choose_runner(module: str) -> TaskRunner[Any]:
    """Work in threads here, or on the Dask cluster at CXR_DASK.

    Args:
        module: that holds the flow. A Dask worker finds no module of ours but the
            package: the flows, under whatever name Prefect loaded them, travel with
            the work.
    """
    if not address():
        return ThreadPoolTaskRunner(max_workers=_asked() or PER_MACHINE)
    for name in (__package__, module):
        if name in sys.modules:
            cloudpickle.register_pickle_by_value(sys.modules[name])
    return _packing_runner()


def _packing_runner() -> TaskRunner[Any]:
    """Return a runner whose tasks are bytes to the scheduler, and no function of ours.

    Prefect's own lets the scheduler unpickle them, hence import torch and all of this
    package: it answers nobody for half a minute, and the cluster falls apart.
    """
    from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture  # seconds

    class PackingRunner(DaskTaskRunner):
        def submit(
            self,
            task: Task[Any, Any],
            parameters: dict[str, Any],
            wait_for: object = None,
            dependencies: dict[str, Any] | None = None,
        ) -> PrefectDaskFuture[Any]:
            number = uuid4()
            told = {
                "task": task,
                "task_run_id": number,
                "parameters": parameters,
                "return_type": "state",
                "dependencies": dependencies or {},
                "context": serialize_context(),
            }
            packed = cloudpickle.dumps(told)
            future = self.client.submit(run_packed, packed, key=str(number), pure=False)
            return PrefectDaskFuture(wrapped_future=future, task_run_id=number)

    return PackingRunner(address=address())


def run_packed(packed: bytes) -> "State[Any]":
    """Run a task on a worker."""
    from prefect.task_engine import run_task_sync

    return run_task_sync(**cloudpickle.loads(packed))


def require_servers() -> None:
    """Refuse a cluster whose machines would not see the same ledger and Prefect.

    Raises:
        ParamsError: one of them is a file of this machine.
    """
    if not address():
        return
    if not is_shared():
        raise ParamsError(
            "several machines cannot share an SQLite ledger; set CXR_LEDGER_URL to a "
            "PostgreSQL database, or unset CXR_DASK"
        )
    if not PREFECT_API_URL.value():
        raise ParamsError(
            "several machines cannot share Prefect's temporary server; set "
            "PREFECT_API_URL to a server that runs, or unset CXR_DASK"
        )


def chunks_at_once() -> int:
    """Return how many chunks are worked on at once: CXR_CHUNKS_AT_ONCE, or two each.

    Raises:
        ServiceError: the Dask cluster does not answer, or has no worker.
    """
    context = FlowRunContext.get()
    if not address() or context is None:
        return _asked() or PER_MACHINE
    try:
        client = context.task_runner.client
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
    except (OSError, TimeoutError) as error:
        raise ServiceError(
            f"the Dask scheduler at {address()} did not answer, or has no worker "
            f"({type(error).__name__}); start `dask scheduler` and `dask worker "
            f"{address()}`, then run again"
        ) from None
    get_run_logger().info("Dask: %d workers", workers)
    return _asked() or PER_MACHINE * workers


def take_machine() -> None:
    """Use the cores that a Dask worker has: its nanny tells libraries to use one."""
    if not address() and "distributed" not in sys.modules:
        return
    from distributed import get_worker

    try:
        threads = get_worker().state.nthreads
    except ValueError:  # no worker
        return
    os.environ.setdefault("CXR_THREADS", str(threads))


def settle(worker: PrefectFuture[Any]) -> None:
    """Raise what a worker raised; one that died, or was cut off, is only told.

    What it held is on the ledger, and others take it up.
    """
    try:
        worker.result()
    except Exception as error:
        if type(error).__name__ not in LOST:
            raise
        get_run_logger().warning("the cluster lost a worker: %s", error)


def _asked() -> int:
    return int(os.environ.get("CXR_CHUNKS_AT_ONCE") or 0)
