import time

import pytest

from cxrmlops.registry.record import complete_run, flat
from cxrmlops.registry.service import open_client
from cxrmlops.registry.tracking import find_or_make_run, open_epoch_log
from cxrmlops.system.errors import ServiceError
from tests.make_records import make_origin, make_verdict

pytestmark = pytest.mark.integration


@pytest.fixture
def run_id(measured, settings):
    return find_or_make_run(settings, split=measured / "split")


def test_figures_stand_in_mlflow_with_their_bounds(run_id, settings):
    assert complete_run(run_id, settings=settings)

    run = open_client().get_run(run_id)
    assert run.data.metrics["auc"] == 0.9
    assert run.data.metrics["auc.low"] == 0.85
    assert run.data.metrics["auc.high"] == 0.94
    assert run.data.metrics["gate.failed"] == 0
    assert len(run.data.metrics) < 40  # people find what they compare
    assert run.data.params["train.augment.shift"] == "0.05"
    assert run.data.tags["cxr.split_hash"] == "5" * 64
    assert run.data.tags["cxr.gate"] == "passed"
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["train"]


def test_a_run_says_for_people_how_good_its_model_is_and_where_to_read_on(
    run_id, settings
):
    complete_run(run_id, settings=settings)

    note = open_client().get_run(run_id).data.tags["mlflow.note.content"]
    assert note.startswith("AUC 0.900 (0.850 to 0.940) on 300 test studies")
    assert "**Gate** passed, 1 of 1 questions; 0 not assessed" in note
    assert f"/runs/{run_id}/artifacts/gate/gate.html)" in note


def test_what_people_wrote_below_the_line_is_kept(run_id, settings, measured):
    complete_run(run_id, settings=settings)
    client = open_client()
    note = client.get_run(run_id).data.tags["mlflow.note.content"]
    client.set_tag(run_id, "mlflow.note.content", note + "seen by A.")
    make_verdict(reasons=["another bound"]).write(measured / "gate/verdict.json")

    complete_run(run_id, settings=settings)

    note = client.get_run(run_id).data.tags["mlflow.note.content"]
    assert note.endswith("is kept)*\nseen by A.")
    assert note.count("AUC 0.9") == 1


def test_how_long_a_training_took_stays_whatever_is_recorded_later(run_id, settings):
    with open_epoch_log(settings) as send:
        send({"epoch": 1, "val_loss": 0.4, "val_auc": 0.9})
    before = open_client().get_run(run_id).info.end_time
    time.sleep(0.01)

    complete_run(run_id, settings=settings)

    assert before
    assert open_client().get_run(run_id).info.end_time == before


def test_runs_are_compared_by_the_auc_before_anything_else(run_id, settings):
    complete_run(run_id, settings=settings)

    first, *_ = open_client().get_run(run_id).data.metrics
    assert first == "auc"


def test_a_training_without_live_curves_gets_them_afterwards(run_id, settings):
    complete_run(run_id, settings=settings)

    points = open_client().get_metric_history(run_id, "val_auc")
    assert [(p.step, p.value) for p in points] == [(1, 0.5), (2, 0.8)]


def test_a_training_with_live_curves_keeps_them(run_id, settings):
    with open_epoch_log(settings) as send:
        send({"epoch": 1, "val_loss": 0.4, "val_auc": 0.9})

    complete_run(run_id, settings=settings)

    points = open_client().get_metric_history(run_id, "val_auc")
    assert [(p.step, p.value) for p in points] == [(1, 0.9)]


def test_plots_and_report_are_there_and_tables_of_persons_are_not(
    run_id, settings, measured
):
    (measured / "evaluate/studies.parquet").write_bytes(b"one row per study")

    complete_run(run_id, settings=settings)

    client = open_client()
    names = {item.path for item in client.list_artifacts(run_id, "evaluate")}
    assert names == {
        "evaluate/figures.json",
        "evaluate/report.html",
        "evaluate/roc.png",
    }
    assert {item.path for item in client.list_artifacts(run_id)} >= {
        "environment.txt",
        "settings.json",
        "gate",
    }


def test_recording_twice_writes_once_and_a_moved_gate_writes_again(
    run_id, settings, measured
):
    assert complete_run(run_id, settings=settings) is True
    assert complete_run(run_id, settings=settings) is False

    refused = make_verdict(outcome="refused", reasons=["auc: 0.85 < 0.90"])
    refused.write(measured / "gate/verdict.json")
    moved = settings | {"train": settings["train"] | {"seed": 1.0}}

    assert complete_run(run_id, settings=moved) is True
    run = open_client().get_run(run_id)
    assert run.data.tags["cxr.gate_reasons"] == "auc: 0.85 < 0.90"
    assert run.data.params["train.seed"] == "1"


def test_the_code_named_is_that_of_the_training_whatever_is_recorded_later(
    run_id, settings, measured
):
    make_origin(git_dirty="yes").write(measured / "train/origin.json")
    complete_run(run_id, settings=settings)
    make_verdict(reasons=["another bound"]).write(measured / "gate/verdict.json")

    assert complete_run(run_id, settings=settings) is True

    tags = open_client().get_run(run_id).data.tags
    assert tags["cxr.git_commit"] == tags["mlflow.source.git.commit"] == "c" * 40
    assert tags["cxr.git_dirty"] == "yes"
    assert tags["cxr.environment"] == make_origin().environment_hash


def test_a_run_that_is_gone_is_one_sentence(measured, settings):
    with pytest.raises(ServiceError, match="RESOURCE_DOES_NOT_EXIST; look at"):
        complete_run("0" * 32, settings=settings)


def test_nested_settings_become_dotted_names():
    nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None}

    assert flat(nested) == {"a.b.c": "1", "a.d": "[1, 2]", "e": "None"}
