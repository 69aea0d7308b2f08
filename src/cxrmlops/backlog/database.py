"""One database for the ledger and the history: SQLite here, PostgreSQL by address."""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)

from cxrmlops.backlog.copy_before_migration import keep_copy
from cxrmlops.system.errors import ParamsError, ServiceError

DEFAULT = "sqlite:///ledger.db"
_MAKING = threading.Lock()
BUSY_SECONDS = 30  # another process may hold SQLite's only write lock so long
# names of PostgreSQL locks
MIGRATION_LOCK, HISTORY_LOCK, ENTRY_LOCK = 0x63787221, 0x63787222, 0x63787223
NIGHT_LOCK = 0x63787224


def open_database(url: str | None = None) -> Engine:
    """Open the database at `url`, CXR_LEDGER_URL or ./ledger.db, tables up to date.

    Raises:
        ParamsError: the address is no SQLite or PostgreSQL address, or the database
            was made by a newer version.
        ServiceError: the database does not answer.
    """
    address = ledger_address(url)
    if address.get_backend_name() == "sqlite":
        engine = _open_sqlite(address)
    else:
        engine = create_engine(address, pool_pre_ping=True)
    try:
        _migrate(engine)
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB:
            raise
        raise ParamsError(
            f"{address.database} is no ledger: not an SQLite database; move it away, "
            "or set CXR_LEDGER_URL to another place"
        ) from None
    return engine


def is_shared(url: str | None = None) -> bool:
    """Return whether several machines can use the database at once."""
    address = ledger_address(url)
    return address.get_backend_name() != "sqlite"


def sqlite_file(url: str | None = None) -> Path:
    """Name the file of an SQLite ledger; of another one, where it would lie here."""
    address = ledger_address(url)
    here = address if address.get_backend_name() == "sqlite" else make_url(DEFAULT)
    return Path(here.database or "ledger.db")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Do everything in the block, or nothing.

    Raises:
        ServiceError: the database does not answer; nothing was done.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError) as error:
        why = str(error.orig).splitlines()[0]
        raise ServiceError(
            f"the ledger at {shown_address(engine.url)} did not answer ({why}); "
            "nothing was changed, try again"
        ) from None


def lock(connection: Connection, key: int) -> None:
    """Let one process at a time pass until its transaction ends.

    SQLite has done so already: see `_begin_immediate`.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def now() -> str:
    """Return the time, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def ledger_address(url: str | None = None) -> URL:
    """Read the address at `url`, in CXR_LEDGER_URL, or that of ./ledger.db.

    Raises:
        ParamsError: it is no SQLite or PostgreSQL address; it is not shown.
    """
    given = url or os.environ.get("CXR_LEDGER_URL") or DEFAULT
    try:
        address = make_url(given)
        backend = address.get_backend_name()
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        backend = ""
    except ModuleNotFoundError:  # plain postgresql:// means psycopg2, we have psycopg 3
        backend = address.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ParamsError(
            "CXR_LEDGER_URL is not an address this ledger understands; expected "
            "sqlite:///<path> or postgresql://<user>@<host>/<database>"
        )
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    return address


def _open_sqlite(address: URL) -> Engine:
    path = Path(address.database or "ledger.db")
    if not path.parent.is_dir():
        raise ParamsError(
            f"the ledger's folder {path.parent} is missing; make it, or set "
            "CXR_LEDGER_URL to another place"
        )
    _make_private(path)
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _make_private(path: Path) -> None:
    """Make the file if there is none, readable for its owner: it holds identifiers.

    One that is there is never opened, and none is seen before it is closed: closing
    drops every lock that this process has on a file, and another process, taking itself
    for the last one, would remove the log that is being written to
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    with _MAKING, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin on its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a receipt outlives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # The write lock first: two that read and then both write would deadlock.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", "cxrmlops.backlog:migrations")
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with transaction(engine) as connection:
        lock(connection, MIGRATION_LOCK)
        before = MigrationContext.configure(connection).get_current_revision()
        if before == newest:
            return
        if before in {one.revision for one in scripts.walk_revisions()}:
            keep_copy(engine.url, before)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise ParamsError(
                f"the ledger at {shown_address(engine.url)} was made by a newer "
                "cxrmlops; install that version, or set CXR_LEDGER_URL to another place"
            ) from None


def shown_address(address: URL) -> str:
    """Name the place without user and password."""
    return address.database or "" if not address.host else f"host {address.host}"
