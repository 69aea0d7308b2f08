"""The real servers, started as a person starts them."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error

import pytest
import yaml

from cxrmlops.params import Ports, load_site
from cxrmlops.quickstart.demo import store_images
from cxrmlops.stack.stack import folder_of, show_results_here
from cxrmlops.system.errors import ResourceError
from cxrphantom.cohort import make_cohort
from tests.conftest import ROOT
from tests.orthanc import free_ports
from tests.stack.servers import started

ZONE = "Asia/Shanghai"
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name in ("flows", "src"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("prefect.yaml", "params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    site = yaml.safe_load((ROOT / "site.yaml").read_text())
    (folder / "site.yaml").write_text(yaml.safe_dump(site | {"time_zone": ZONE}))
    with started(folder) as project:
        yield project


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
    assert [one["schedule"]["timezone"] for one in night["schedules"]] == [ZONE]


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


def test_a_demo_can_show_its_night_in_these_servers(project, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_STACK", str(project.servers))
    site = load_site(project.folder / "site.yaml")
    for name, value in show_results_here(site, project=project.folder).items():
        monkeypatch.setenv(name, value)
    make_cohort(tmp_path / "raw", studies=1, backlog_studies=6, seed=3, side=256)

    store_images(tmp_path / "raw/backlog", os.environ["CXR_RESULTS_ARCHIVE"])

    found = json.loads(project.ask("viewer", "/dicom-web/studies"))
    assert len(found) >= 6


def test_a_demo_without_these_servers_says_how_to_start_them(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_STACK", str(tmp_path))
    ports = Ports(**dict(zip(Ports.model_fields, free_ports(8), strict=True)))
    site = load_site(ROOT / "site.yaml").model_copy(update={"ports": ports})

    with pytest.raises(ResourceError, match="does not answer at .*; start it: make"):
        show_results_here(site, project=tmp_path)


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
