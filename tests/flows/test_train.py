import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger

from cxrmlops.model.bundle import bundle_hash
from cxrmlops.promotion import approval_log
from cxrmlops.records.tables import HISTORY
from cxrmlops.registry import versions
from cxrmlops.registry.service import open_client
from cxrmlops.system.errors import CxrError, ServiceError
from flows.train import open_run, record, repro, train
from tests import make
from tests.conftest import ROOT
from tests.flows.conftest import stand_in
from tests.make_records import estimate, make_metrics, make_origin, make_verdict

pytestmark = pytest.mark.services


@dataclass
class Story:
    """Three trainings of one project: refused, then let in, then nothing to do."""

    folder: Path
    states: list
    runs: list[int]  # MLflow runs after each
    files: list[list[Path]]  # of the project after each
    looks: str  # run id that the stage `train` saw in the first


@pytest.fixture(scope="module")
def story(tmp_path_factory, prefect, empty_mlflow):
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*type hint.*")
        stand_in(folder, patch, empty_mlflow)
        make_pipeline(folder)
        judge(folder / "ready", passed=False)
        tale = Story(folder, [], [], [], "")
        for number in range(3):
            tale.states.append(train(return_state=True))
            tale.runs.append(len(open_client().search_runs(["1"])))
            tale.files.append(files_below(folder))
            if number == 0:
                tale.looks = (folder / "run_of_train").read_text().strip()
                judge(folder / "ready", passed=True)
        yield tale


def files_below(folder: Path) -> list[Path]:
    every = (path for path in folder.rglob("*") if path.is_file())
    passing = ("-shm", "-wal")  # SQLite's own, while a connection is open
    return sorted(
        path
        for path in every
        if ".dvc" not in path.parts and not path.name.endswith(passing)
    )


def make_pipeline(project: Path) -> None:
    """Make a project whose stages copy what is in ready/<stage>, under the real DVC."""
    ready = project / "ready"
    (ready / "split").mkdir(parents=True)
    make.make_splits().to_parquet(ready / "split/images.parquet")
    manifest = make.make_manifest(hash="5" * 64)
    manifest.write(ready / "split/manifest.json")
    HISTORY.write(
        HISTORY.from_rows([dict.fromkeys(HISTORY.columns, 1)]), ready / "train"
    )
    make_origin().write(ready / "train/origin.json")
    make.make_reading_bundle(ready / "train/bundle")
    figure = estimate(0.85, 0.9, 0.94, n=300)
    measured = make_metrics(
        figures={"auc": figure},
        thumbnail={"auc": figure},
        confusion={},
        bundle_hash=bundle_hash(ready / "train/bundle"),
    )
    measured.write(ready / "evaluate/figures.json")
    write_dvc(project)
    for words in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(words, cwd=project, check=True)


def judge(ready: Path, *, passed: bool) -> None:
    reasons = [] if passed else ["auc: lower bound 0.85 < 0.94 (n = 300)"]
    judged = bundle_hash(ready / "train/bundle")
    verdict = make_verdict(
        outcome="passed" if passed else "refused", reasons=reasons, bundle_hash=judged
    )
    verdict.write(ready / "gate/verdict.json")


def write_dvc(project: Path) -> None:
    stages = {
        stage: {
            "cmd": f'echo "$MLFLOW_RUN_ID" > run_of_{stage}; '
            f"echo {stage}: 3 films; mkdir -p data && cp -r ready/{stage} data/",
            "deps": [f"ready/{stage}"],
            "outs": [f"data/{stage}"],
        }
        for stage in ("split", "train", "evaluate", "gate")
    }
    cohort = {
        "cmd": "echo cohort: unchanged; mkdir -p data/cohort; echo 1 > data/cohort/a",
        "outs": [{"data/cohort": {"persist": True}}],
        "always_changed": True,
    }
    graph = {"stages": {"cohort": cohort} | stages}
    (project / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))


def artifacts(key: str):
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        found = client.read_artifacts(artifact_filter=wanted)
    return sorted(found, key=lambda one: one.created)


def test_a_refused_model_is_a_completed_run_with_its_reasons(story):
    state = story.states[0]

    assert state.is_completed()
    assert state.name == "Refused"
    assert state.message == (
        "auc: lower bound 0.85 < 0.94 (n = 300); "
        "gate refused, 0 of 1 questions failed and 1 passed; 0 not assessed"
    )


def test_a_model_that_passed_is_registered_as_candidate(story):
    assert story.states[1].message == (
        "registered as version 1 (candidate); model 1 measured on this test set; "
        "gate passed, 1 of 1 questions; 0 not assessed"
    )
    assert versions.get("candidate").number == "1"


def test_a_second_run_does_nothing(story):
    assert story.states[2].message.startswith("version 1, registered before; ")
    assert story.runs == [1, 1, 1]
    assert story.files[2] == story.files[1]
    assert len(open_client().search_model_versions("name = 'cxr-sigfind'")) == 1


def test_the_ui_says_what_each_stage_did(story):
    first, second, third = (json.loads(a.data) for a in artifacts("stages"))

    became = {row["stage"]: row["became"] for row in first}
    assert became == dict.fromkeys(became, "ran") | {"cohort": "unchanged"}
    assert [row["became"] for row in second[-2:]] == ["up to date", "ran"]
    assert {row["became"] for row in third[1:]} == {"up to date"}


def test_the_training_writes_into_the_run_that_the_flow_opened(story):
    (run,) = open_client().search_runs(["1"])

    assert story.looks == run.info.run_id == versions.get("1").run_id
    assert (story.folder / "run_of_gate").read_text().strip() == ""


def test_figures_with_bounds_and_a_made_up_image_are_in_the_ui(story):
    assert '"low": 0.85' in artifacts("figures")[-1].data
    assert artifacts("synthetic-image")[-1].data.startswith("data:image/jpeg;base64,")
    assert artifacts("mlflow-run")


def test_every_question_of_the_gate_is_in_the_ui(story):
    (refused, passed, _) = artifacts("gate")

    assert refused.description == (
        "Gate refused, 0 of 1 questions failed and 1 passed; 0 not assessed"
    )
    assert passed.description == "Gate passed, 1 of 1 questions; 0 not assessed"
    assert json.loads(passed.data) == [
        {
            "question": "test_studies",
            "verdict": "passed",
            "value": "2,013",
            "bound": "500",
            "n": "2,013",
            "reason": "2013 test studies, at least 500 asked",
        }
    ]


def test_a_training_is_named_like_its_mlflow_run_and_shows_how_far_it_is(story):
    (run,) = open_client().search_runs(["1"])
    number = story.states[0].state_details.flow_run_id
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(number).name == run.info.run_name
    (bar, *_) = artifacts("train-progress")

    assert bar.task_run_id is None  # else it is not on the page of the run
    assert (float(bar.data), bar.description) == (100.0, "5 of 5 stages")


def test_the_summary_of_a_training_holds_the_verdict_and_every_question(story):
    (refused, passed, _) = artifacts("train-summary")

    assert refused.data.startswith("# Gate refused, 0 of 1 questions failed")
    assert "auc: lower bound 0.85 < 0.94" in refused.data
    assert "registered as version 1 (candidate)" in passed.data
    assert "| question | verdict | value | bound | n | reason |" in passed.data
    assert "| test_studies | passed | 2,013 | 500 | 2,013 |" in passed.data
    assert f"`{story.folder}/data/gate/gate.html`" in passed.data


def test_a_training_that_stops_before_the_test_set_judges_nothing(story):
    looks = approval_log.count_look("another model", "8" * 64)

    state = train(until="train", return_state=True)

    assert state.message == "as far as train, as asked; no model was judged"
    done = json.loads(artifacts("stages")[-1].data)
    assert [row["stage"] for row in done] == ["cohort", "split", "train"]
    assert approval_log.count_look("another model", "8" * 64) == looks


def test_each_model_is_one_look_at_the_test_set(story):
    assert approval_log.count_look("another model", "7" * 64) == 2


def test_training_goes_on_without_mlflow(story, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = {"train": {"architecture": "x"}, "preprocess": {"size": 1}}

    with disable_run_logger():
        assert open_run.fn(settings) == ""
        with pytest.raises(ServiceError, match="does not answer .*, then run again"):
            record.fn(settings)


def test_a_stage_that_fails_says_so_in_its_own_words(story):
    graph = story.folder / "dvc.yaml"
    before = graph.read_text()
    fails = before.replace("echo split: 3 films;", "echo error: no rows; exit 1;")
    graph.write_text(fails)

    with (
        disable_run_logger(),
        pytest.raises(CxrError, match="^stage 'split' failed: no rows$"),
    ):
        repro.fn("split")

    graph.write_text(before)


def test_an_unknown_stage_fails(story):
    with disable_run_logger(), pytest.raises(CxrError, match="'nosuch' failed"):
        repro.fn("nosuch")


def test_a_run_by_hand_ends_with_one_sentence(prefect, tmp_path):
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    done = subprocess.run(
        [sys.executable, "-m", "flows.train"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PREFECT_API_URL": api},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "\nerror: params.yaml is missing here" in done.stderr
