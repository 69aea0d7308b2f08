"""The command line: fast to ask, clear when refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cxrmlops.cli import app

ROOT = Path(__file__).parent.parent
HEAVY = {
    "dvc",
    "great_expectations",
    "highdicom",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "prefect",
    "pyarrow",
    "pydantic",
    "pydicom",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "torch",
    "torchvision",
}
COMMANDS = [
    command.name or command.callback.__name__ for command in app.registered_commands
]


def cxrmlops(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from cxrmlops.cli import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path) -> Path:
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.integration
def test_help_loads_nothing_heavy(tmp_path):
    code = (
        "import sys\n"
        "from cxrmlops.cli import run\n"
        "sys.argv = ['cxrmlops', '--help']\n"
        "try:\n    run()\n"
        "except SystemExit:\n"
        f"    print('loaded:', sorted({HEAVY} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.rstrip().endswith("loaded: []")
    assert "Usage" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = CliRunner().invoke(app, [command, "--help"])

    assert result.exit_code == 0
    assert f"{command} [OPTIONS]" in result.output


@pytest.mark.integration
def test_a_wrong_key_is_one_error_and_nothing_is_written(project):
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["split"]["sede"] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(params))

    result = cxrmlops("split", folder=project)

    assert result.returncode == 1
    assert result.stderr == (
        "error: params.yaml has 1 wrong value(s): split.sede: Extra inputs are not "
        "permitted; correct the file and run again\n"
    )
    assert {path.name for path in project.iterdir()} == {"params.yaml", "site.yaml"}


@pytest.mark.integration
def test_without_params_the_sentence_says_where_and_what_next(tmp_path):
    result = cxrmlops("split", folder=tmp_path)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: params.yaml is missing here ({tmp_path})")
    assert "cxrmlops init" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.integration
def test_a_stage_without_its_input_names_the_stage_to_run(project):
    result = cxrmlops("split", folder=project)

    assert result.returncode == 1
    assert result.stderr == (
        "error: data/validate/images.parquet is missing; run the stage 'validate' "
        "(dvc repro) first\n"
    )
    assert not (project / "data").exists()


@pytest.mark.integration
@pytest.mark.parametrize(("asked", "spins"), [({}, 0), ({"GOMP_SPINCOUNT": "7"}, 7)])
def test_threads_of_a_training_sleep_while_they_wait_unless_told_otherwise(
    project, monkeypatch, asked, spins
):
    """Ask torch's OpenMP itself, once loaded: a count of 0 is to sleep at once."""
    monkeypatch.setenv("OMP_DISPLAY_ENV", "VERBOSE")
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in asked.items():
        monkeypatch.setenv(name, value)

    result = cxrmlops("train", folder=project)

    assert f"GOMP_SPINCOUNT = '{spins}'" in result.stderr


@pytest.mark.integration
def test_an_unknown_command_is_refused(tmp_path):
    result = cxrmlops("splitt", folder=tmp_path)

    assert result.returncode == 2
    assert "splitt" in result.stderr
