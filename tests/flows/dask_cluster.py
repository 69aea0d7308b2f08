"""A Dask scheduler and workers with nannies, as people start them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.postgres import free_port

DASK = str(Path(sys.executable).with_name("dask"))


@dataclass
class Cluster:
    """Processes of one scheduler and its workers."""

    address: str
    workers: list[subprocess.Popen]

    def kill_worker(self) -> None:
        """End a nanny and its worker at once, as a power cut does."""
        worker = self.workers.pop()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def start(folder: Path, env: dict[str, str], *words: str) -> subprocess.Popen:
    """Start `dask <words>` in a folder; what it says goes to dask.log there."""
    with (folder / "dask.log").open("ab") as log:
        return subprocess.Popen(
            [DASK, *words],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def running(
    folder: Path, env: dict[str, str], *, workers: int = 2
) -> Iterator[Cluster]:
    """Run a cluster in `folder`; our flows are not on the path of its workers."""
    env = env | {"PYTHONPATH": str(ROOT / "src")}
    env.pop("OMP_NUM_THREADS", None)  # the nanny sets it
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    place = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    scheduler = start(folder, env, "scheduler", *place)
    cluster = Cluster(address, [])
    try:
        for _ in range(workers):
            word = ("worker", address, "--nthreads", "2", "--no-dashboard")
            cluster.workers.append(start(folder, env, *word))
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.1)
