import shutil

import pytest

from cxrmlops.files import write_json
from cxrmlops.tables import HISTORY
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


@pytest.fixture
def measured(project):
    """What the stages leave behind: split, training, evaluation, verdict."""
    data = project / "data"
    figure = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 300}
    write_json(
        data / "evaluate/metrics.json",
        {
            "figures": {"auc": figure, "balanced.recall_asf": figure},
            "thumbnail": {"auc": figure | {"value": 0.7}},
            "confusion": {"balanced": {"asf_found": 140, "asf_missed": 10}},
            "bundle_hash": "b" * 64,
            "split_hash": "5" * 64,
            "test_hash": "7" * 64,
            "n_test_studies": 300,
        },
    )
    (data / "evaluate/report.html").write_text("<h1>figures</h1>")
    (data / "evaluate/roc.png").write_bytes(b"\x89PNG")
    verdict = {"passed": True, "reasons": [], "bundle_hash": "b" * 64}
    write_json(data / "gate/verdict.json", verdict)
    n = {"images": 70, "studies": 70, "patients": 70, "abnormal_studies": 35}
    write_json(data / "split/manifest.json", {"hash": "5" * 64, "n": {"train": n}})
    row = dict.fromkeys(HISTORY.columns, 0.5)
    rows = [row | {"epoch": 1}, row | {"epoch": 2, "val_auc": 0.8}]
    HISTORY.write(HISTORY.from_rows(rows), data / "train")
    return data
