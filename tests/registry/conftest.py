import shutil

import pytest

from tests import make


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory):
    """An MLflow database with tables only: making one takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def settings():
    """Params as plain values, as far as a training's name depends on them."""
    return {
        "train": {"architecture": "resnet18", "seed": 1, "augment": {"shift": 0.05}},
        "preprocess": {"size": 64},
    }


@pytest.fixture
def project(tmp_path, monkeypatch, empty_mlflow):
    """A project folder with a split and an empty MLflow, and we stand in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    (tmp_path / "data/split").mkdir(parents=True)
    make.make_splits().to_parquet(tmp_path / "data/split/images.parquet")
    return tmp_path
