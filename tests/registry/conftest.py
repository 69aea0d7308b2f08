import shutil

import pytest

from cxrmlops.records.metrics import Confusion
from cxrmlops.records.split import SideCounts
from cxrmlops.records.tables import HISTORY
from tests import make
from tests.make_records import estimate, make_metrics, make_origin, make_verdict


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
    figure = estimate(0.85, 0.9, 0.94, n=300)
    metrics = make_metrics(
        figures={"auc": figure, "balanced.recall_asf": figure},
        thumbnail={"auc": estimate(0.65, 0.7, 0.75, n=300)},
        confusion={
            "balanced": Confusion(
                asf_found=140, asf_missed=10, nsf_right=130, nsf_false_alarm=20
            )
        },
        n_test_studies=300,
    )
    metrics.write(data / "evaluate/figures.json")
    (data / "evaluate/report.html").write_text("<h1>figures</h1>")
    (data / "evaluate/roc.png").write_bytes(b"\x89PNG")
    make_verdict().write(data / "gate/verdict.json")
    n = SideCounts(images=70, studies=70, patients=70, abnormal_studies=35)
    manifest = make.make_manifest(hash="5" * 64, n={"train": n})
    manifest.write(data / "split/manifest.json")
    row = dict.fromkeys(HISTORY.columns, 0.5)
    rows = [row | {"epoch": 1}, row | {"epoch": 2, "val_auc": 0.8}]
    HISTORY.write(HISTORY.from_rows(rows), data / "train")
    make_origin().write(data / "train/origin.json")
    return data
