import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT

os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"


@pytest.fixture(scope="session")
def prefect(tmp_path_factory):
    """One Prefect API with its own database for all tests: starting it takes long."""
    import flows  # noqa: F401  its switches come before Prefect reads them

    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=600):
        yield


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory):
    """An MLflow database with tables only: making one takes seconds."""
    from mlflow import MlflowClient

    from cxrmlops.registry import service  # noqa: F401  switches telemetry off first

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def reading_bundle(tmp_path_factory) -> Path:
    """The bundle of an untrained network."""
    from tests import make

    return make.make_reading_bundle(tmp_path_factory.mktemp("model") / "bundle")


def stand_in(folder: Path, patch: pytest.MonkeyPatch, empty_mlflow: Path) -> None:
    """Make `folder` a project with the real settings, and stand in it."""
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(empty_mlflow, folder / "mlflow.db")
    patch.chdir(folder)
    # The code may change while the tests run: it must not name another training.
    patch.setattr("cxrmlops.registry.tracking.stage_code_hash", lambda *_: "code")


@pytest.fixture
def project(tmp_path, monkeypatch, empty_mlflow) -> Path:
    """A project folder with the real settings."""
    stand_in(tmp_path, monkeypatch, empty_mlflow)
    return tmp_path
