"""Projects for tests of the whole line: small settings, real commands."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cxrmlops import cli
from tests.conftest import ROOT

STAGES = (
    "cohort",
    "preprocess",
    "validate",
    "split",
    "train",
    "evaluate",
    "examine",
    "gate",
)
CLOCK = "2024-01-31T02:00:00+00:00"

# What differs from params.yaml: the smallest work that still goes through every stage.
SMALL: dict[str, dict[str, Any]] = {
    "preprocess": {"size": 32, "images_per_shard": 100},
    "validate": {
        "min_studies": 1,
        "min_rows": 64,
        "min_columns": 64,
        "max_quarantined": 0.5,
    },
    "split": {"train": 0.6, "val": 0.2, "test": 0.2},
    "train": {
        "architecture": "resnet18_narrow",
        "weights": None,
        "learning_rate": 3e-4,
        "stem_rate": 1.0,
        "accelerator": "cpu",
        "epochs": 1,
        "batch_size": 32,
    },
    "evaluate": {"bootstrap_rounds": 100},
    "examine": {"studies": 20, "map_images": 4, "road_images": 2},
    "gate": {"min_test_studies": 20, "min_subgroup_n": 20},
    "promotion": {"min_compared_n": 20},
    "score": {"accelerator": "cpu"},
    "report": {"picture_side": 256},
}
# One thread: a network as small as this one only waits for the others.
SURROUNDINGS = {
    "CXR_CLOCK": CLOCK,
    "CXR_PSEUDONYM_KEY": "test-key",
    "CXR_WORKERS": "2",
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
}
IN_ONE_PROCESS = """
import sys
from cxrmlops.cli import app
for command in sys.argv[1:]:
    app(command.split(), standalone_mode=False)
"""


def make_project(
    folder: Path, *, params: Mapping[str, Mapping[str, Any]] | None = None, **site: Any
) -> Path:
    """Write small settings into `folder`; `params` and `site` say what else differs."""
    folder.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    for changes in (SMALL, params or {}):
        for section, values in changes.items():
            content[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    place = yaml.safe_load((ROOT / "site.yaml").read_text()) | site
    (folder / "site.yaml").write_text(yaml.safe_dump(place, sort_keys=False))
    return folder


def run(folder: Path, *command: str, **surroundings: str) -> str:
    """Run a program in `folder`; give what it said on both channels."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | SURROUNDINGS | surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_in_one_process(folder: Path, *commands: str, **surroundings: str) -> str:
    """Run `cxrmlops <command>` for each command: heavy libraries are loaded once."""
    code = (sys.executable, "-c", IN_ONE_PROCESS)
    return run(folder, *code, *commands, **surroundings)


def command(*arguments: str) -> int | str | None:
    """Run the command line in this process; give what the shell would be told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["cxrmlops", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.run()
    return stop.value.code


def refusal(*arguments: str) -> str:
    """Run a command here that must be refused and change nothing; give its sentence.

    A text as exit code is what Python prints on stderr before it ends with 1.
    """
    before = files_below(Path())
    said = command(*arguments)
    assert isinstance(said, str)
    assert re.fullmatch(r"error: .*[^.\s]", said), "one sentence on one line"
    assert files_below(Path()) == before
    assert not list(Path().rglob("*.part"))
    return said.removeprefix("error: ")


def files_below(folder: Path) -> dict[str, bytes]:
    """Give every file below `folder` and what is in it; unfinished work is no file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.relative_to(folder).parts
    }


def copy_images(raw: Path, folder: Path) -> None:
    """Give `folder` the same raw films, times of files included."""
    shutil.copytree(raw, folder / "data" / "raw")


def copy_code(folder: Path) -> dict[str, str]:
    """Give `folder` our code as it is now; the surroundings given make it run.

    Whoever edits the code while a long test runs would change hashes on the way.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", dirs_exist_ok=True, ignore=ignored)
    return {"PYTHONPATH": str(folder / "src")}
