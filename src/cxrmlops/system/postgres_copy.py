"""A PostgreSQL database to one file and back, by pg_dump and pg_restore.

The password goes by the environment, never by the command line, which every user of the
machine can read.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cxrmlops.system.errors import ParamsError, ResourceError, ServiceError
from cxrmlops.system.files import whole

DUMP, RESTORE = "pg_dump", "pg_restore"
CONNECT_SECONDS = "10"
LOCK = "-c lock_timeout=30s"  # somebody else works with the tables: say so, do not hang


def save(address: str, copy: Path) -> None:
    """Write one consistent state, in PostgreSQL's own format, for its owner alone.

    Args:
        address: postgresql://user:password@host:port/database.
        copy: the file, whole or not at all.

    Raises:
        ParamsError: it is no such address.
        ResourceError: pg_dump is not installed.
        ServiceError: the database does not answer, or pg_dump is older than it.
    """
    with whole(copy, private=True) as draft:
        words = ["--format=custom", "--no-owner", "--no-privileges", f"--file={draft}"]
        _run(DUMP, words, address)


def put_back(copy: Path, address: str) -> None:
    """Make a database what its copy is, in one transaction.

    Tables of the copy replace those of the same name.

    Raises:
        ParamsError, ResourceError, ServiceError: as of `save`; nothing was changed.
    """
    words = ["--clean", "--if-exists", "--no-owner", "--no-privileges"]
    _run(
        RESTORE, [*words, "--single-transaction", "--exit-on-error", str(copy)], address
    )


def is_here() -> bool:
    """Return whether both programs are installed."""
    return all(map(shutil.which, (DUMP, RESTORE)))


def has_tables(address: str) -> bool:
    """Return whether anything lies in the database.

    Raises:
        ParamsError, ResourceError, ServiceError: as of `save`.
    """
    listed = _run(DUMP, ["--schema-only", "--no-owner", "--no-privileges"], address)
    return "CREATE TABLE" in listed


def _run(program: str, words: Sequence[str], address: str) -> str:
    where, password = _connection(address)
    ours = {"PGCONNECT_TIMEOUT": CONNECT_SECONDS, "PGOPTIONS": LOCK, "LC_ALL": "C"}
    surroundings = os.environ | ours
    if password:
        surroundings["PGPASSWORD"] = password
    try:
        done = subprocess.run(
            [program, "--no-password", *where, *words],
            env=surroundings,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise ResourceError(
            f"{program} is not installed; install PostgreSQL's client programs "
            "(Debian: postgresql-client), of the server's version or newer"
        ) from None
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "error:" in line]
        why = told[0].partition("error:")[2].strip() if told else f"{done.returncode}"
        raise ServiceError(
            f"{program} did not do its part ({why}); correct that, then run again: "
            "nothing was changed"
        )
    return done.stdout


def _connection(address: str) -> tuple[list[str], str]:
    """Return the words of pg_dump for an address, and the password apart."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme.partition("+")[0] not in ("postgresql", "postgres") or not name:
        raise ParamsError(
            "this is no address of a PostgreSQL database; expected "
            "postgresql://user@host/database"
        )
    words = [f"--dbname={_quoted(name)}"]
    words += [f"--host={unquote(parts.hostname)}"] if parts.hostname else []
    words += [f"--port={port}"] if port else []
    words += [f"--username={unquote(parts.username)}"] if parts.username else []
    return words, unquote(parts.password or "")


def _quoted(name: str) -> str:
    """Let a name with an equals sign be a name, and no list of settings."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"
