"""What runs, tasks and deployments are called."""

import importlib
from typing import get_args

import pytest
import yaml
from prefect import Flow, Task
from prefect.utilities.callables import parameter_schema

from flows import names
from flows.train import Until
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

MODULES = [
    importlib.import_module(f"flows.{path.stem}")
    for path in sorted((ROOT / "flows").glob("[a-z]*.py"))
]
FLOWS = {
    one.name: one for m in MODULES for one in vars(m).values() if isinstance(one, Flow)
}
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.fixture
def clock(project, monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2026-11-27T02:00:00+00:00")


@pytest.mark.usefixtures("clock")
def test_a_night_is_named_by_its_date_and_a_training_as_in_mlflow():
    assert names.night() == "night 2026-11-27"
    assert names.watching() == "watch 2026-11-27"
    assert names.training() == "train resnet152 512 seed 1"


def test_where_settings_are_broken_a_run_still_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert [names.night(), names.training()] == ["night", "train"]


def test_no_task_is_named_by_digits_of_a_hash():
    tasks = {
        one.name: one.task_run_name
        for module in MODULES
        for one in vars(module).values()
        if isinstance(one, Task)
    }

    assert len(tasks) > 10
    assert [name for name, shown in tasks.items() if not shown] == []


def test_no_flow_is_named_by_an_animal():
    assert [name for name, one in FLOWS.items() if not one.flow_run_name] == []


@pytest.mark.parametrize("flow", FLOWS.values(), ids=list(FLOWS))
def test_every_field_of_a_form_is_described(flow):
    fields = parameter_schema(flow).properties

    assert [
        name for name, field in fields.items() if not field.get("description")
    ] == []


def test_choices_are_offered_as_such():
    rescore = parameter_schema(FLOWS["score"]).properties["rescore"]
    until = parameter_schema(FLOWS["train"]).properties["until"]
    night = parameter_schema(FLOWS["watch"]).properties["night"]

    assert rescore["enum"] == ["no", "count", "yes"]
    assert until["enum"] == list(get_args(Until))
    assert {"type": "string", "format": "date"} in night["anyOf"]


def test_a_training_may_not_stop_after_a_look_at_the_test_patients_uncounted():
    stages = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])

    before = stages[: stages.index("evaluate")]
    assert [*before, "register"] == list(get_args(Until))


def test_a_deployment_has_a_tag_and_fills_in_fields_that_its_form_has():
    for one in DEPLOYMENTS:
        (flow,) = (
            f
            for f in FLOWS.values()
            if f.fn.__name__ == one["entrypoint"].partition(":")[2]
        )
        assert one["tags"]
        assert set(one.get("parameters", {})) <= set(parameter_schema(flow).properties)
