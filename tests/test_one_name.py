"""A stage has one name: file, command, params section, DVC stage, folder, tests."""

import importlib
import inspect
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from cxrmlops.cli import app
from cxrmlops.params import Params
from cxrmlops.stage_code import source_file, stage_modules

ROOT = Path(__file__).parent.parent
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
FILES = sorted(path.stem for path in (ROOT / "src/cxrmlops/stages").glob("[a-z]*.py"))
COMMANDS = {
    name: command.callback for name, command in get_command(app).commands.items()
}
SECTIONS = {field.alias or name for name, field in Params.model_fields.items()}
HANDED_IN = {
    "out",
    "params",
    "site",
    "on_epoch",
    "origin",
}  # arguments of run that are no stage


def outs(stage: str) -> list[str]:
    return [next(iter(o)) if isinstance(o, dict) else o for o in DVC[stage]["outs"]]


def inputs(stage: str) -> set[str]:
    return {dep for dep in DVC[stage]["deps"] if dep.startswith("data/")}


@pytest.mark.parametrize("stage", FILES)
def test_a_stage_file_is_a_command(stage):
    assert stage in COMMANDS


@pytest.mark.parametrize("stage", FILES)
def test_a_stage_has_a_test_file(stage):
    assert (ROOT / f"tests/stages/test_{stage}.py").exists()


def test_every_params_section_belongs_to_a_stage_or_to_promotion():
    assert set(FILES) >= SECTIONS - {"promotion"}


def test_every_dvc_stage_is_a_stage_file():
    assert set(FILES) >= set(DVC)


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_runs_its_own_command_and_owns_its_own_folder(stage):
    assert DVC[stage]["cmd"] == f"cxrmlops {stage}"
    assert outs(stage) == [f"data/{stage}"]


@pytest.mark.parametrize("stage", DVC)
def test_dvc_and_help_describe_a_stage_in_the_same_words(stage):
    first_line = inspect.getdoc(COMMANDS[stage]).splitlines()[0]

    assert DVC[stage]["desc"].lower() == first_line.removesuffix(".").lower()


@pytest.mark.parametrize("stage", DVC)
def test_dvc_watches_the_params_of_a_stage(stage):
    watched = [key for key in DVC[stage]["params"] if isinstance(key, str)]

    assert stage in watched
    assert {key.split(".")[0] for key in watched} <= SECTIONS


@pytest.mark.parametrize("stage", DVC)
def test_inputs_are_named_after_the_stage_that_made_them(stage):
    run = importlib.import_module(f"cxrmlops.stages.{stage}").run

    asked = set(inspect.signature(run).parameters) - HANDED_IN
    assert asked == {dep.removeprefix("data/") for dep in inputs(stage)}


@pytest.mark.parametrize("stage", FILES)
def test_run_takes_keywords_only(stage):
    run = importlib.import_module(f"cxrmlops.stages.{stage}").run

    kinds = {p.kind for p in inspect.signature(run).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_dvc_yaml_reads_top_to_bottom():
    made = set()
    for stage in DVC:
        assert inputs(stage) <= made, f"'{stage}' stands above a stage it needs"
        made |= set(outs(stage))


def test_help_lists_the_stages_in_the_order_of_the_data():
    assert [name for name in COMMANDS if name in DVC] == list(DVC)


@pytest.mark.parametrize("stage", DVC)
def test_dvc_reruns_a_stage_when_any_code_it_imports_changes(stage):
    missing = imported(stage) - listed(stage)

    assert not missing, f"add to deps of '{stage}' in dvc.yaml: {sorted(missing)}"


@pytest.mark.parametrize("stage", DVC)
def test_dvc_leaves_a_stage_alone_when_other_code_changes(stage):
    spare = listed(stage) - imported(stage)

    assert not spare, f"take from deps of '{stage}' in dvc.yaml: {sorted(spare)}"


def test_a_new_version_of_a_decoder_makes_new_squares():
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    decoders = "src/cxrmlops/data/decoders.txt"
    _, *lines = (ROOT / decoders).read_text().splitlines()

    assert set(lines) <= set(pins), "write the pins of constraints.txt there"
    assert {line.partition("==")[0] for line in lines} >= {
        *("pillow", "pydicom", "pyjpegls", "pylibjpeg-openjpeg", "python-gdcm"),
    }
    assert decoders in DVC["preprocess"]["deps"]


def imported(stage: str) -> set[str]:
    """List the source files that a stage runs, itself included."""
    files = map(source_file, stage_modules(stage))
    return {path.relative_to(ROOT).as_posix() for path in files}


def listed(stage: str) -> set[str]:
    """List what a stage's `deps` name of our code; no folders, for they hold caches.

    Templates and other texts are left out: no import tells who reads them.
    """
    deps = {dep for dep in DVC[stage]["deps"] if dep.startswith("src/")}
    return {dep for dep in deps if Path(dep).suffix in ("", ".py")}
