"""What programs load, seen at the end of real work: no library that has no use there.

Of a library that is loaded for nothing a user only sees that the program is slow.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.make import (
    make_readable_image,
    make_reading_bundle,
    make_splits,
    save_image,
)
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent
COMPILER = {"torch._dynamo", "torch._inductor", "sympy", "triton"}
TRAINING = {"lightning_fabric", "pytorch_grad_cam"}
FIGURES = {"scipy", "sklearn", "statsmodels", "matplotlib"}
SERVERS = {"great_expectations", "mlflow", "prefect", "prefect.server", "sqlalchemy"}
ARCHIVES = {"dicomweb_client", "pynetdicom"}
PROGRAM = "from cxrmlops.cli import run; run()"
AT_THE_END = (
    "import atexit, sys\n"
    "tell = lambda: print('loaded:', *sorted({not_wanted} & set(sys.modules)))\n"
    "atexit.register(tell)\n"
)


def loaded(code: str, not_wanted: set[str], folder: Path, *arguments: str) -> str:
    """Run a program to its good end; give what it has loaded of `not_wanted`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{AT_THE_END.format(not_wanted=not_wanted)}{code}"]
        + [*arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "CXR_WORKERS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture
def project(tmp_path) -> Path:
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_one_film_is_scored_and_reported_by_what_reads_and_writes_alone(project):
    save_image(make_readable_image(1), project / "film.dcm")
    make_reading_bundle(project / "bundle")
    words = ("score", "film.dcm", "--out", "results", "--model", "bundle")
    not_wanted = COMPILER | TRAINING | FIGURES | SERVERS | ARCHIVES

    assert loaded(PROGRAM, not_wanted, project, *words) == "loaded:"
    assert len([*project.glob("results/report/*.dcm")]) == 2


@pytest.mark.parametrize("stage", ["evaluate", "examine"])
def test_a_model_is_measured_without_what_compiles_or_serves(stage, project):
    images = make_splits(patients=60)
    make_line(project / "data", images)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["evaluate"]["bootstrap_rounds"] = 100
    params["examine"] |= {"studies": 8, "map_images": 4, "road_images": 2}
    (project / "params.yaml").write_text(yaml.safe_dump(params))

    assert loaded(PROGRAM, COMPILER | SERVERS, project, stage) == "loaded:"
    assert [*(project / "data" / stage).iterdir()]


@pytest.mark.parametrize(
    ("stage", "not_wanted"),
    [
        ("cohort", COMPILER | FIGURES | SERVERS | ARCHIVES | {"torch"}),
        ("preprocess", COMPILER | FIGURES | SERVERS | ARCHIVES | {"torch"}),
        ("validate", COMPILER | FIGURES | ARCHIVES | {"torch", "mlflow"}),
        ("split", COMPILER | FIGURES | SERVERS | ARCHIVES | {"torch"}),
        ("gate", COMPILER | SERVERS | ARCHIVES | {"torch", "sklearn", "matplotlib"}),
    ],
)
def test_a_stage_without_a_network_loads_no_torch(stage, not_wanted, tmp_path):
    code = f"import cxrmlops.stages.{stage}"

    assert loaded(code, not_wanted, tmp_path) == "loaded:"


def test_a_flow_under_a_lasting_server_loads_no_server(tmp_path):
    assert loaded("import flows.score", {"prefect.server.api.server"}, tmp_path) == (
        "loaded:"
    )
