import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cxrmlops.registry.service import open_client, sqlite_address
from cxrmlops.system.errors import ServiceError

pytestmark = pytest.mark.integration

USE = (
    "from cxrmlops.registry.service import open_client;"
    "open_client().search_experiments()"
)


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USE], stderr=subprocess.PIPE, text=True
    )


def test_a_plain_folder_has_a_plain_address(tmp_path):
    path = tmp_path / "proj #1 ü 100% x/mlflow.db"

    assert sqlite_address(path) == f"sqlite:///{path}"


@pytest.mark.services
def test_of_two_that_open_a_fresh_database_at_once_one_waits(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    for one in [start(), start()]:
        _, said = one.communicate(timeout=250)
        assert one.returncode == 0, said


@pytest.mark.services
def test_nothing_is_written_outside_a_project_whose_folder_has_a_question_mark(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = tmp_path / "what?is=this #1 ü 100%"
    project.mkdir()
    monkeypatch.chdir(project)

    one = start()
    _, said = one.communicate(timeout=250)

    assert one.returncode == 0, said
    assert [path.name for path in tmp_path.iterdir()] == [project.name]
    assert {path.name for path in Path().iterdir()} == {"mlflow.db", ".work"}


@pytest.mark.parametrize("listens", [False, True])
def test_a_server_that_does_not_answer_is_told_within_ten_seconds(listens, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", place.replace("//", "//someone:secret@")
        )
        begun = time.monotonic()

        with pytest.raises(ServiceError, match=f"MLflow at {place} does not answer"):
            open_client()

    assert time.monotonic() - begun < 10
