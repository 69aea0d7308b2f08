from pathlib import Path

import pytest

from cxrmlops.operations import stores
from cxrmlops.system.errors import ParamsError

pytestmark = pytest.mark.usefixtures("site")


def test_without_servers_everything_lies_here():
    assert stores.ledger() == stores.Database("ledger", "sqlite", "ledger.db")
    assert stores.mlflow() == stores.Database("mlflow", "sqlite", "mlflow.db")
    assert stores.artifacts() == Path("mlartifacts")
    assert not stores.ledger().is_there()


def test_servers_are_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("CXR_LEDGER_URL", "postgresql://cxr:s@db/ledger")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql+psycopg://cxr@db/mlflow")
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "file:///srv/mlflow")

    assert stores.ledger().address == "postgresql+psycopg://cxr:s@db/ledger"
    assert (stores.mlflow().kind, stores.mlflow().copy_name) == (
        *("postgresql", "mlflow.dump"),
    )
    assert stores.artifacts() == Path("/srv/mlflow")

    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "s3://bucket/mlflow")
    assert stores.artifacts() is None


def test_a_server_of_mlflow_whose_database_is_not_known_is_refused(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")

    with pytest.raises(ParamsError, match="MLFLOW_BACKEND_STORE_URI.*--without-mlflow"):
        stores.mlflow()
