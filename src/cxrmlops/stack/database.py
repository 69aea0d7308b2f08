"""The cluster of PostgreSQL that belongs to the servers, and its databases."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from cxrmlops.stack.place import Place
from cxrmlops.stack.services import DATABASES, USER
from cxrmlops.system.errors import ResourceError

ACCOUNT = "postgres"  # PostgreSQL does not run as root
_PROGRAMS = Path("/usr/lib/postgresql")  # of Debian, a folder a version
_RECOVERY_SECONDS = 60.0


def programs() -> Path:
    """Find the folder of the newest PostgreSQL's programs.

    Raises:
        ResourceError: there is none.
    """
    found = sorted(_PROGRAMS.glob("*/bin/postgres"), key=_version)
    if not found:
        raise ResourceError(
            f"PostgreSQL is not installed below {_PROGRAMS}; run infra/packages.sh"
        )
    return found[-1].parent


def make_cluster(folder: Path, *, password: str) -> bool:
    """Make an empty cluster with one user, unless it is there.

    Returns:
        Whether it was made.
    """
    if (folder / "PG_VERSION").exists():
        return False
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", prefix="cxr-") as file:
        file.write(password)
        file.flush()
        words = ["-D", str(folder), "-U", USER, "-A", "scram-sha-256", "-E", "UTF8"]
        command = [str(programs() / "initdb"), *words, "--pwfile", file.name]
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT, ACCOUNT)
            shutil.chown(file.name, ACCOUNT)
            command = ["runuser", "-u", ACCOUNT, "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise ResourceError(
            f"PostgreSQL made no cluster in {folder}: "
            f"{done.stderr.strip().splitlines()[-1]}"
        )
    return True


def make_databases(place: Place, *, password: str) -> None:
    """Make the databases that are missing.

    Raises:
        ResourceError: the server lets nobody in.
    """
    with _connect(place, password) as connection:
        rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        there = {name for (name,) in rows}
        for name in DATABASES:
            if name not in there:
                connection.execute(
                    sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
                )


def _connect(place: Place, password: str) -> psycopg.Connection:
    """Connect, also to a server that listens and still recovers from a kill."""
    host, port = place.at("database").split(":")
    until = time.monotonic() + _RECOVERY_SECONDS
    while True:
        try:
            return psycopg.connect(
                host=host,
                port=port,
                user=USER,
                password=password,
                dbname="postgres",
                autocommit=True,
                connect_timeout=10,
            )
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise ResourceError(
                    f"PostgreSQL at {place.at('database')} lets nobody in: "
                    f"{str(error).strip()}"
                ) from error
        time.sleep(0.5)


def _version(program: Path) -> int:
    return int(program.parts[-3]) if program.parts[-3].isdigit() else 0
