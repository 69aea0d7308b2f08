import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

from cxrmlops.registry import versions
from cxrmlops.registry.service import open_client
from tests.conftest import ROOT
from tests.make import SCOPE

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("prefect")]


@pytest.fixture
def prefect_command(project):
    """Run the `prefect` program in a copy of the flows, against the tests' server."""
    from prefect.settings import PREFECT_API_URL

    shutil.copytree(ROOT / "flows", project / "flows")
    shutil.copy(ROOT / "prefect.yaml", project)
    program = str(Path(sys.executable).with_name("prefect"))
    place = {"PREFECT_API_URL": PREFECT_API_URL.value(), "CXR_PROJECT": str(project)}

    def run(*words: str) -> None:
        done = subprocess.run(
            [program, *words],
            env=os.environ | place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_deployments_are_scheduled_and_a_worker_runs_them(prefect_command):
    client = open_client()
    client.create_registered_model(versions.MODEL)
    scope = json.dumps(SCOPE.to_json())
    tags = {versions.BUNDLE_HASH: "1" * 64, versions.SCOPE: scope}
    client.create_model_version(versions.MODEL, "file:///nowhere", tags=tags)
    client.set_registered_model_alias(versions.MODEL, versions.CANDIDATE, "1")

    with get_client(sync_client=True) as api:
        api.create_work_pool(WorkPoolCreate(name="cxr", type="process"))
        prefect_command("--no-prompt", "deploy", "--all")
        approve = api.read_deployment_by_name("approve/approve")
        decision = {"name": "A. Person", "reason": "first"}
        api.create_flow_run_from_deployment(approve.id, parameters=decision)
        prefect_command("worker", "start", "--pool", "cxr", "--run-once")
        night = api.read_deployment_by_name("score/nightly")

    assert night.schedules[0].schedule.cron == "0 2 * * *"
    assert night.global_concurrency_limit is None  # a killed run would hold it
    assert versions.get("champion").number == "1"


def test_every_flow_has_a_deployment():
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]

    entrypoints = {one["entrypoint"].partition(":")[0] for one in deployed}

    files = {path.name: path.read_text() for path in (ROOT / "flows").glob("*.py")}
    assert entrypoints == {f"flows/{name}" for name in files if "@flow" in files[name]}
