"""A real Prefect server with a worker that has every deployment, for one project."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT
from tests.orthanc import free_ports

PATIENCE = 180  # seconds, of a busy machine
PROGRAMS = Path(sys.executable).parent


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """Serve Prefect with every deployment of prefect.yaml; give its address.

    Args:
        project: folder; flows and prefect.yaml are copied there where they lack.
    """
    for name in ("flows", "src"):
        if not (project / name).exists():
            shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "prefect.yaml", project)
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    surroundings = os.environ | {
        "PREFECT_HOME": str(project / ".prefect-server"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_UI_API_URL": f"{address}/api",
        "PYTHONPATH": f"{project / 'src'}:{project}",
        "CXR_PROJECT": str(project),
        "CXR_TIME_ZONE": "UTC",
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
    }
    server = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with running(project, surroundings, *server) as process:
        wait_for(f"{address}/api/health", process)
        for words in (
            ("work-pool", "create", "cxr", "--type", "process"),
            ("--no-prompt", "deploy", "--all"),
        ):
            call(project, surroundings, "prefect", *words)
        worker = ("prefect", "worker", "start", "--pool", "cxr")
        with running(project, surroundings, *worker):
            yield address


@contextmanager
def running(
    folder: Path, surroundings: Mapping[str, str], *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block works; what it says goes to <folder>/<name>.log."""
    with (folder / f"{'-'.join(command[:2])}.log").open("wb") as log:
        process = subprocess.Popen(
            (PROGRAMS / command[0], *command[1:]),
            cwd=folder,
            env=surroundings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:  # a worker waits for its runs, which nobody looks at any more
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def call(folder: Path, surroundings: Mapping[str, str], *command: str) -> None:
    done = subprocess.run(
        (PROGRAMS / command[0], *command[1:]),
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args} has ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)
