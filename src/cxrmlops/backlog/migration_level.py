"""Which revision a ledger's tables have. Asking makes nothing and changes nothing."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from cxrmlops.backlog.database import ledger_address, shown_address, transaction
from cxrmlops.system.errors import ParamsError, ServiceError
from cxrmlops.system.sqlite_copy import read_only

CONNECT_SECONDS = 3


@dataclass(frozen=True)
class Level:
    """Where a ledger stands."""

    place: str  # without user and password
    revision: str | None  # of its tables; None: there is no ledger yet
    newest: str  # that this installation knows
    known: frozenset[str]  # revisions that this installation can bring up to date

    @property
    def is_current(self) -> bool:
        """Return whether it can be used as it is."""
        return self.revision == self.newest

    @property
    def is_newer(self) -> bool:
        """Return whether a newer installation made it."""
        return self.revision is not None and self.revision not in self.known


def read_level(url: str | None = None) -> Level:
    """Look at the ledger at `url`, CXR_LEDGER_URL or ./ledger.db.

    Raises:
        ParamsError: the address is none, or what lies there is no SQLite database.
        ServiceError: the database does not answer.
    """
    address, scripts = ledger_address(url), _scripts()
    is_file = address.get_backend_name() == "sqlite"
    return Level(
        place=shown_address(address),
        revision=_of_file(address) if is_file else _of_server(address),
        newest=scripts.get_current_head() or "",
        known=known_revisions(),
    )


def known_revisions() -> frozenset[str]:
    """Return the revisions that this installation can bring up to date."""
    return frozenset(one.revision for one in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "cxrmlops.backlog:migrations")
    return ScriptDirectory.from_config(config)


def _of_file(address: URL) -> str | None:
    asked = "SELECT version_num FROM alembic_version"
    try:
        with closing(read_only(address.database or "ledger.db")) as connection:
            row = connection.execute(asked).fetchone()
    except FileNotFoundError:
        return None
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # a file that was made, and nothing in it
            return None
        raise ServiceError(
            f"the ledger at {address.database} cannot be read ({error}); see who may "
            "read that file and its folder"
        ) from None
    except sqlite3.DatabaseError:
        raise ParamsError(
            f"{address.database} is no ledger: not an SQLite database; move it away, "
            "or set CXR_LEDGER_URL to another place"
        ) from None
    return str(row[0]) if row else None


def _of_server(address: URL) -> str | None:
    engine = create_engine(address, connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        with transaction(engine) as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
