"""The watch as Prefect runs it: state, artifact and MLflow."""

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger

from cxrmlops.dicom.identity import KEY_VARIABLE
from cxrmlops.model.watch_reference import to_arrays
from cxrmlops.registry.service import open_client
from flows import watch as flow
from tests.conftest import ROOT
from tests.make import make_watched, write_reading_bundle
from tests.stages.test_watch import write_night

pytestmark = pytest.mark.integration


@pytest.fixture
def bundle(project, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of these tests")
    val = to_arrays(make_watched(600, seed=1), patients=600)
    return write_reading_bundle(project / "bundle", reference=val)


@pytest.mark.services
@pytest.mark.usefixtures("prefect")
def test_an_alarm_names_the_state_and_its_place_in_the_runbook(project, bundle):
    dark = make_watched(40, seed=5)
    facts = dark.assign(mean=dark["mean"] - 0.2)
    write_night(project / "data/score", 0, bundle, watched=facts)

    state = flow.watch(model=str(bundle), return_state=True)

    assert state.is_completed()
    assert state.name == "Alarm"
    assert "docs/how-to/watch.md, Picture" in state.message
    experiment = open_client().get_experiment_by_name("watch")
    (run,) = open_client().search_runs([experiment.experiment_id])
    assert run.data.metrics["alarm.picture"] == 1
    with get_client(sync_client=True) as api:
        (shown,) = [a for a in api.read_artifacts() if a.key == "watch"]
    assert "1 alarm" in shown.data


@pytest.mark.services
@pytest.mark.usefixtures("prefect")
def test_a_calm_night_is_completed(project, bundle):
    write_night(project / "data/score", 0, bundle)

    state = flow.watch(model=str(bundle), return_state=True)

    assert (state.name, state.message) == ("Completed", "night 2026-03-01: no alarm")


def test_the_watch_looks_after_the_night_and_is_written_where_it_is_looked_for(
    project, bundle
):
    write_night(project / "data/score", 0, bundle)
    with disable_run_logger():
        found = flow.look.fn(str(bundle), "")

    assert (project / "data/watch" / found.date / "watch.html").exists()
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    crons = {d["name"]: d["schedules"][0]["cron"] for d in deployed if "schedules" in d}
    hour = {name: int(cron.split()[1]) for name, cron in crons.items()}
    assert hour["watch"] > hour["nightly"]
