"""Against real servers on loopback: what a hospital runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from cxrmlops.model.bundle import bundle_hash
from cxrmlops.registry import versions
from cxrmlops.registry.record import complete_run
from cxrmlops.registry.service import open_client
from cxrmlops.registry.tracking import find_or_make_run, open_epoch_log
from tests import make
from tests.make_records import make_verdict
from tests.registry.test_versions import chest_image

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
BIN = str(Path(sys.executable).parent)
PATIENCE = 600  # seconds


@contextmanager
def running(*words: str, health: str, **settings: str):
    """Run a server in its own process group until the block ends."""
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | settings,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(health, server)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Wait; importing MLflow alone takes minutes on two busy cores."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=10).close()
            return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, "the server ended"
            time.sleep(0.2)
    raise TimeoutError(address)


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_mlflow):
    """An MLflow server that keeps artifacts itself."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    (folder / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    address = f"http://127.0.0.1:{port}"
    with running(
        "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
        health=f"{address}/health",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    ):  # fmt: skip
        yield address


def test_a_training_reaches_the_server_and_its_champion_answers_over_http(
    server, measured, project, settings, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    folder = make.make_reading_bundle(project / "bundle")

    with open_epoch_log(settings) as send:
        send({"epoch": 1, "val_loss": 0.4})
    run_id = find_or_make_run(settings, split=measured / "split")
    complete_run(run_id, settings=settings)
    verdict = make_verdict(bundle_hash=bundle_hash(folder))
    made, _ = versions.register(folder, verdict=verdict, run_id=run_id)
    versions.promote(made, name="A", reason="first")

    run = open_client().get_run(run_id)
    assert run.data.metrics["val_loss"] == 0.4
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert bundle_hash(versions.fetch_bundle(versions.get("champion"))) == bundle_hash(
        folder
    )
    answer = ask_served_model("models:/cxr-sigfind@champion", chest_image(project)[0])
    assert answer["reason"] is None
    assert 0 < answer["probability"] < 1


def ask_served_model(model: str, image: str) -> dict:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running(
        "models", "serve", "-m", model, "--env-manager", "local",
        "-h", "127.0.0.1", "-p", port, health=f"{address}/health",
    ):  # fmt: skip
        body = {"dataframe_records": [{"dicom_base64": image}]}
        request = urllib.request.Request(
            f"{address}/invocations",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            (answer,) = json.load(response)["predictions"]
    return answer
