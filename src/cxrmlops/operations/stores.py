"""Where the databases and files are that a backup saves and a restore brings back."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from cxrmlops.backlog.database import ledger_address
from cxrmlops.system import postgres_copy, sqlite_copy
from cxrmlops.system.errors import ParamsError

BACKEND, ARTIFACTS = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"
LOCAL_ARTIFACTS = Path("mlartifacts")

Kind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True)
class Database:
    """One database, by file or by address."""

    name: str  # for people
    kind: Kind
    address: str  # path of the file, or postgresql://..., with its password

    @property
    def copy_name(self) -> str:
        """Name the file of its copy."""
        return f"{self.name}.db" if self.kind == "sqlite" else f"{self.name}.dump"

    def is_there(self) -> bool:
        """Return whether anything would be overwritten."""
        if self.kind == "sqlite":
            path = Path(self.address)
            return path.exists() and path.stat().st_size > 0
        return postgres_copy.has_tables(self.address)

    def save(self, folder: Path) -> None:
        """Copy it as it is at one moment.

        Raises:
            ServiceError, ResourceError: it could not be copied.
        """
        if self.kind == "sqlite":
            sqlite_copy.save(Path(self.address), folder / self.copy_name)
        else:
            postgres_copy.save(self.address, folder / self.copy_name)

    def put_back(self, folder: Path) -> None:
        """Make it what its copy is.

        Raises:
            ServiceError, ResourceError: it could not be written; it is as it was.
        """
        if self.kind == "sqlite":
            sqlite_copy.put_back(folder / self.copy_name, Path(self.address))
        else:
            postgres_copy.put_back(folder / self.copy_name, self.address)


def ledger() -> Database:
    """Return the ledger that CXR_LEDGER_URL names, or the one here."""
    address = ledger_address()
    if address.get_backend_name() == "sqlite":
        return Database("ledger", "sqlite", address.database or "ledger.db")
    return Database("ledger", "postgresql", address.render_as_string(False))


def mlflow() -> Database:
    """Return MLflow's database: of its server, or the file here.

    Raises:
        ParamsError: MLflow is a server, and nobody says where its database is.
    """
    tracking = os.environ.get("MLFLOW_TRACKING_URI", "")
    address = os.environ.get(BACKEND) or tracking or "sqlite:///mlflow.db"
    kind = address.partition(":")[0].partition("+")[0]
    if kind == "sqlite":
        path = address.partition(":///")[2]
        if path.startswith("file:"):  # as registry.service writes odd names
            path = unquote(path.removeprefix("file:").partition("?")[0])
        return Database("mlflow", "sqlite", path)
    if kind in ("postgresql", "postgres"):
        return Database("mlflow", "postgresql", address)
    raise ParamsError(
        f"MLflow is a server, and its database is not known here; set {BACKEND} and "
        f"{ARTIFACTS} to what the server was started with (--backend-store-uri, "
        "--artifacts-destination), or say --without-mlflow"
    )


def artifacts() -> Path | None:
    """Return the folder of MLflow's artifacts; None: they lie in another kind of store.

    Without a server it is ./mlartifacts.
    """
    named = os.environ.get(ARTIFACTS) or str(LOCAL_ARTIFACTS)
    if "://" not in named and not named.startswith("file:"):
        return Path(named)
    parts = urlsplit(named)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
