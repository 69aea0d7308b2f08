"""Our own deployment after a kill: the next scheduled night runs, late ones are one."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml
from dateutil.rrule import SECONDLY, rrule
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.schedules import RRuleSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests import make
from tests.conftest import ROOT
from tests.flows.killing import fill_backlog, make_site, surroundings
from tests.postgres import free_port

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
PREFECT = str(Path(sys.executable).with_name("prefect"))
NIGHT = "score/nightly"
NIGHTS = 3  # that nobody started in time


def start(folder: Path, env: dict[str, str], *words: str) -> subprocess.Popen:
    """Run `prefect <words>`; what it says goes to prefect.log."""
    with (folder / "prefect.log").open("ab") as log:
        return subprocess.Popen(
            [PREFECT, *words],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def kill_all_below(process: subprocess.Popen) -> None:
    """End a worker and the runs that it started by SIGKILL, as a power cut does."""
    found = psutil.Process(process.pid)
    for one in (found, *found.children(recursive=True)):
        one.kill()
    process.wait()


@pytest.fixture
def served(tmp_path):
    """A project with our deployments on a server of its own, schedules included."""
    site = make_site(tmp_path / "site", None, chunk=2).folder
    (site / "flows").symlink_to(ROOT / "flows")
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    bundle = make.make_reading_bundle(tmp_path / "bundle", size=32)
    for one in content["deployments"]:
        if one["name"] == "nightly":
            one["parameters"]["model"] = str(bundle)
            one["schedules"][0]["active"] = False
    (site / "prefect.yaml").write_text(yaml.safe_dump(content))
    fill_backlog(site / "data/raw/backlog", studies=16)
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    env = surroundings(api, workers=0) | {
        "CXR_PROJECT": str(site),
        "CXR_CHUNKS_AT_ONCE": "1",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    }
    server = start(
        site, env, "server", "start", "--host", "127.0.0.1", "--port", str(port)
    )
    try:
        with (
            temporary_settings({PREFECT_API_URL: api}),
            get_client(sync_client=True) as client,
        ):
            until = time.monotonic() + 240
            while client.api_healthcheck() is not None:
                assert time.monotonic() < until, said(site)
                time.sleep(0.5)
            client.create_work_pool(WorkPoolCreate(name="cxr", type="process"))
            done = start(site, env, "--no-prompt", "deploy", "--all")
            assert done.wait() == 0, said(site)
            yield site, env, client
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def few_nights() -> RRuleSchedule:
    """Schedule `NIGHTS` nights, and no more.

    They begin in half a minute: a busy server never plans what is due before it looks.
    """
    begin = datetime.now(UTC) + timedelta(seconds=30)
    nights = rrule(SECONDLY, interval=5, count=NIGHTS, dtstart=begin)
    return RRuleSchedule.from_rrule(nights)


def said(site: Path) -> str:
    return (site / "prefect.log").read_text()[-4000:]


def wait_for(condition, site: Path, seconds: float = 400):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, said(site)
        time.sleep(0.2)
    return found


def delivered(site: Path) -> int:
    return len(list((site / "data/archive").glob("*.dcm")))


def test_after_a_kill_the_next_scheduled_nights_run_and_are_one(served):
    site, env, client = served
    deployment = client.read_deployment_by_name(NIGHT)
    first = client.create_flow_run_from_deployment(deployment.id)
    worker = start(site, env, "worker", "start", "--pool", "cxr")
    wait_for(lambda: delivered(site), site)
    kill_all_below(worker)
    done = delivered(site)
    assert client.read_flow_run(first.id).state.is_running()  # as Prefect believes

    # a schedule whose first nights are due before any worker comes back
    client.create_deployment_schedules(deployment.id, [(few_nights(), True)])

    def due() -> list:
        now = datetime.now(UTC)
        runs = [run for run in client.read_flow_runs() if run.auto_scheduled]
        return [run for run in runs if run.expected_start_time < now]

    late = wait_for(lambda: due() if len(due()) >= NIGHTS else None, site)
    worker = start(site, env, "worker", "start", "--pool", "cxr")
    try:
        names = {run.id for run in late}

        def ended() -> list:
            runs = [client.read_flow_run(name) for name in names]
            return runs if all(run.state.is_final() for run in runs) else None

        runs = wait_for(ended, site)
    finally:
        kill_all_below(worker)

    assert all(run.state.is_completed() for run in runs), [run.state for run in runs]
    at_work = [run for run in runs if run.state.name != "Skipped"]
    assert len(at_work) == 1, [run.state for run in runs]
    assert at_work[0].state.message.startswith("in ")
    assert client.read_flow_run(first.id).state.name == "Crashed"
    assert delivered(site) > done
