import logging
import time

import pytest

from cxrmlops.registry.service import open_client
from cxrmlops.registry.tracking import (
    find_or_make_run,
    open_epoch_log,
    train_hash,
)

pytestmark = pytest.mark.integration

EPOCHS = [
    {"epoch": 1, "train_loss": 0.7, "val_auc": 0.6},
    {"epoch": 2, "train_loss": 0.5, "val_auc": 0.8},
]


def curve(run_id: str, name: str) -> list[tuple[int, float]]:
    points = open_client().get_metric_history(run_id, name)
    return [(p.step, p.value) for p in points]


def test_curves_of_a_training_are_in_the_embedded_mlflow(project, settings):
    with open_epoch_log(settings) as on_epoch:
        for facts in EPOCHS:
            on_epoch(facts)

    run_id = find_or_make_run(settings, split=project / "data/split")
    run = open_client().get_run(run_id)
    assert curve(run_id, "val_auc") == [(1, 0.6), (2, 0.8)]
    assert curve(run_id, "epoch") == []
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith((project / "mlartifacts").as_uri())


def test_the_same_training_has_one_run_and_another_seed_has_its_own(project, settings):
    split = project / "data/split"
    other = settings | {"train": settings["train"] | {"seed": 2}}

    first = find_or_make_run(settings, split=split)

    assert find_or_make_run(settings, split=split) == first
    assert find_or_make_run(other, split=split) != first


def test_a_run_is_named_for_people_and_says_who_made_it(project, settings):
    run_id = find_or_make_run(settings, split=project / "data/split")

    run = open_client().get_run(run_id)
    assert run.info.run_name == "train resnet18 64 seed 1"
    assert run.data.tags["mlflow.source.name"] == "cxrmlops train"
    assert run.data.tags["mlflow.user"]
    experiment = open_client().get_experiment(run.info.experiment_id)
    assert "frontal chest radiographs" in experiment.tags["mlflow.note.content"]


def test_the_first_epoch_belongs_to_the_duration_of_a_run(project, settings):
    with open_epoch_log(settings) as on_epoch:
        time.sleep(0.2)
        on_epoch(EPOCHS[0])

    run_id = find_or_make_run(settings, split=project / "data/split")
    run = open_client().get_run(run_id).info
    assert run.end_time - run.start_time >= 200


def test_of_live_figures_runs_are_compared_by_the_auc_on_val(project, settings):
    with open_epoch_log(settings) as on_epoch:
        on_epoch(EPOCHS[0])

    run_id = find_or_make_run(settings, split=project / "data/split")
    first, *_ = open_client().get_run(run_id).data.metrics
    assert first == "val_auc"


def test_the_run_handed_over_is_the_run_written_to(project, settings, monkeypatch):
    given = find_or_make_run(
        settings | {"preprocess": {"size": 96}}, split=project / "data/split"
    )
    monkeypatch.setenv("MLFLOW_RUN_ID", given)

    with open_epoch_log(settings) as on_epoch:
        on_epoch(EPOCHS[0])

    assert curve(given, "train_loss") == [(1, 0.7)]


def test_a_training_that_fails_leaves_a_failed_run(project, settings):
    def fail(_facts):
        raise RuntimeError("no GPU")

    with pytest.raises(RuntimeError, match="no GPU"), open_epoch_log(settings) as send:
        fail(send(EPOCHS[0]))

    run_id = find_or_make_run(settings, split=project / "data/split")
    assert open_client().get_run(run_id).info.status == "FAILED"


def test_a_training_that_is_refused_before_it_begins_makes_no_run(project, settings):
    before = len(open_client().search_runs(["0", "1"]))

    with pytest.raises(RuntimeError, match="no GPU"), open_epoch_log(settings):
        raise RuntimeError("no GPU")

    assert len(open_client().search_runs(["0", "1"])) == before


def test_an_mlflow_that_does_not_answer_is_warned_of_once_and_costs_no_time(
    project, settings, monkeypatch, caplog
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    begin = time.monotonic()
    with caplog.at_level(logging.WARNING), open_epoch_log(settings) as on_epoch:
        for number in range(1, 100):
            on_epoch({"epoch": number, "train_loss": 0.5})
        sent_after = time.monotonic() - begin

    warnings = [r for r in caplog.records if r.name == "cxrmlops.registry.tracking"]
    assert len(warnings) == 1
    assert "training goes on" in warnings[0].getMessage()
    assert sent_after < 5  # one try, not one an epoch
    assert time.monotonic() - begin < 20


def test_a_training_without_its_split_still_trains(tmp_path, settings, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with open_epoch_log(settings) as on_epoch:
        on_epoch(EPOCHS[0])


def test_the_train_hash_follows_the_labels(project, settings):
    split = project / "data/split"
    before = train_hash(settings, split=split)

    (split / "images.parquet").write_bytes(b"other labels")

    assert train_hash(settings, split=split) != before
