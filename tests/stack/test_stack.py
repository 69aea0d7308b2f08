"""The real servers, started as a person starts them."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
import yaml

from cxrmlops.params import Ports
from cxrmlops.stack import ohif
from cxrmlops.stack.stack import folder_of
from cxrmlops.system.errors import ServiceError
from tests.conftest import ROOT
from tests.ohif import CACHE
from tests.orthanc import PLUGINS, free_ports

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


class Project:
    """A project of its own with its own ports, and the commands in it."""

    def __init__(self, folder: Path, servers: Path) -> None:
        self.folder, self.servers = folder, servers
        names = list(Ports.model_fields)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        for name in ("flows", "src"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("prefect.yaml", "params.yaml", "dvc.yaml"):
            shutil.copy(ROOT / name, folder)
        site = yaml.safe_load((ROOT / "site.yaml").read_text())
        content = site | {"ports": self.ports, "time_zone": "Asia/Shanghai"}
        (folder / "site.yaml").write_text(yaml.safe_dump(content))

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cxrmlops.cli", *words],
            cwd=self.folder,
            env=os.environ | {"CXR_STACK": str(self.servers)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def ask(self, service: str, path: str, login: str = "", data: bytes = b"") -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[service]}{path}", data or None
        )
        if login:
            request.add_header(
                "Authorization", f"Basic {b64encode(login.encode()).decode()}"
            )
        if data:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def password(self, name: str) -> str:
        lines = (self.servers / "passwords.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)[name]

    def process(self, service: str) -> int:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("supervisorctl")),
                *("-c", str(self.servers / "supervisord.conf"), "pid", service),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    if not PLUGINS.exists() or not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        pytest.skip("Orthanc or nginx is missing")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("PostgreSQL is missing")
    folder = tmp_path_factory.mktemp("project")
    servers = Path("/var/tmp") / f"cxr-servers-{os.getpid()}"  # entered by any account
    try:
        ohif.fetch_viewer(servers / "viewer" / "dist", cache=CACHE)
    except ServiceError as error:
        pytest.skip(str(error))
    project = Project(folder, servers)
    project.run("up")
    yield project
    project.run("down")
    shutil.rmtree(servers)


pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_one_command_and_every_server_is_well(project):
    said = project.run("servers")

    lines = [line.rsplit(maxsplit=2) for line in said.splitlines()]
    assert [words[1] for words in lines] == ["well"] * 6


def test_nobody_reads_models_or_images_without_a_login(project):
    for service, path in (
        ("mlflow", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
        ("orthanc", "/dicom-web/studies"),
    ):
        with pytest.raises(urllib.error.HTTPError) as error:
            project.ask(service, path)
        assert error.value.code == 401

    password = project.password("CXR_MLFLOW_PASSWORD")
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert b"Default" in project.ask("mlflow", path, f"admin:{password}")


def test_the_viewer_reaches_the_archive_at_its_own_address(project):
    assert json.loads(project.ask("viewer", "/dicom-web/studies")) == []
    assert b"app-config.js" in project.ask("viewer", "/viewer?StudyInstanceUIDs=1.2")
    assert b"/dicom-web" in project.ask("viewer", "/app-config.js")


def test_every_deployment_is_there_and_nights_keep_the_sites_time(project):
    found = json.loads(project.ask("prefect", "/api/deployments/filter", data=b"{}"))

    assert {one["name"] for one in found} == {one["name"] for one in DEPLOYMENTS}
    (night,) = (one for one in found if one["name"] == "nightly")
    assert [one["schedule"]["timezone"] for one in night["schedules"]] == [
        "Asia/Shanghai"
    ]


def test_a_backup_finds_all_that_the_servers_keep(project, tmp_path):
    addresses = project.servers / "addresses.env"
    command = f"{sys.executable} -m cxrmlops.cli"
    lines = f"set -a; . {addresses}; set +a; {command} backlog; {command} backup"

    done = subprocess.run(
        ["sh", "-c", f"{lines} {tmp_path}"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (saved,) = tmp_path.iterdir()
    assert {"mlflow.dump", "ledger.dump"} <= {file.name for file in saved.iterdir()}


def test_a_second_up_leaves_running_servers_alone(project):
    before = [project.process(name) for name in ("database", "prefect", "worker")]

    project.run("up")

    assert [
        project.process(name) for name in ("database", "prefect", "worker")
    ] == before


def test_a_killed_server_comes_back_by_itself(project):
    before = project.process("orthanc")
    os.kill(before, 9)

    until = time.monotonic() + 60
    while time.monotonic() < until:
        if project.process("orthanc") not in (0, before):
            break
        time.sleep(0.2)
    project.run("up")

    assert project.process("orthanc") != before


def test_down_stops_its_own_and_up_finds_what_was_there(project):
    stranger = subprocess.Popen(["sleep", "600"])
    password = project.password("CXR_DATABASE_PASSWORD")
    try:
        assert "servers stopped" in project.run("down")
        assert "not started" in project.run("servers", code=1)
        assert "no server of this project runs" in project.run("down")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

    project.run("up")

    assert project.password("CXR_DATABASE_PASSWORD") == password
    found = json.loads(project.ask("prefect", "/api/deployments/filter", data=b"{}"))
    assert len(found) == len(DEPLOYMENTS)


def test_the_folder_of_the_servers_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_STACK", str(tmp_path / "servers"))

    assert folder_of(ROOT) == tmp_path / "servers"
