"""MLflow: where it is, and its failures in our words."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from cxrmlops.system.errors import ServiceError
from cxrmlops.system.files import WORK
from cxrmlops.system.http_question import NoAnswerError, get, without_login


def tracking_address() -> str:
    """Return where MLflow is: MLFLOW_TRACKING_URI, else SQLite in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_address(Path("mlflow.db"))


def sqlite_address(path: Path) -> str:
    """Return SQLAlchemy's address of an SQLite file, whatever its folders are called.

    SQLAlchemy 2.0 takes a "?" for the end of the file's name and decodes nothing; only
    SQLite's own address (sqlite.org/uri.html) can say such a name. The driver is named
    so that MLflow does not take that address for a folder, and make it.
    """
    full = str(path.absolute())
    if "?" not in full:
        return f"sqlite:///{full}"
    return f"sqlite+pysqlite:///file:{quote(full)}?uri=true"


def open_client() -> MlflowClient:
    """Talk to MLflow; the embedded database is made when it is missing."""
    for noisy in ("alembic", "mlflow"):  # a table of migrations helps nobody
        logging.getLogger(noisy).setLevel(logging.WARNING)
    address = tracking_address()
    if address.startswith("http"):
        _require_answer(address)
    with _one_at_a_time(address):
        return MlflowClient(tracking_uri=address, registry_uri=address)


@lru_cache  # once a process; what does not answer is asked again
def _require_answer(address: str) -> None:
    """Ask a server whether it is there: MLflow itself would try for minutes.

    Raises:
        ServiceError: nobody answers; an answer of any kind is one.
    """
    where = without_login(address).rstrip("/")
    try:
        get(f"{where}/health")
    except NoAnswerError as error:
        if error.status is None:
            raise ServiceError(
                f"MLflow at {where} does not answer ({error}); start or repair the "
                "server, or correct MLFLOW_TRACKING_URI, then run again"
            ) from None


@contextmanager
def _one_at_a_time(address: str) -> Iterator[None]:
    """Let one process open an SQLite file: the first makes its tables, step by step."""
    if not address.startswith("sqlite"):
        yield
        return
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed
        yield


@contextmanager
def translated() -> Iterator[None]:
    """Raise ServiceError where MLflow cannot be reached or refuses."""
    try:
        yield
    except MlflowException as error:
        kind = tracking_address().partition("://")[0]
        raise ServiceError(
            f"MLflow ({kind} address in MLFLOW_TRACKING_URI, or ./mlflow.db) did not "
            f"do its part: {error.error_code}; look at the server, then run again"
        ) from error


@contextmanager
def pointed() -> Iterator[None]:
    """Point MLflow's global functions at our address, and leave no trace.

    MLflow writes the address into the environment, where it would be taken for an order
    of the user's by whatever runs next in this process.
    """
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = {name: os.environ[name] for name in names if name in os.environ}
    address = tracking_address()
    open_client()  # tables are made here, where others wait
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


def run_page(run_id: str) -> str:
    """Return the page of a run; without a server, where `mlflow ui` would show it."""
    address = tracking_address()
    if not address.startswith("http"):
        address = "http://127.0.0.1:5000"
    with translated():
        experiment = open_client().get_run(run_id).info.experiment_id
    return f"{address.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"
