import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from cxrmlops.backlog.database import open_database

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def postgres():
    """The address of a fresh PostgreSQL on loopback; skips where there is none."""
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("no user postgres")
    if not PROGRAMS or os.geteuid() != 0:
        pytest.skip("PostgreSQL's programs, or the right to be its user, are missing")
    folder = Path(tempfile.mkdtemp(prefix="cxr-postgres-"))
    shutil.chown(folder, "postgres", "postgres")
    port = free_port()

    def run(program: str, *words: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(PROGRAMS[-1] / program)]
        subprocess.run(
            [*command, "-D", str(folder / "data"), *words],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )

    run("initdb", "-A", "trust", "-U", "cxr", "--no-sync")
    listen = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off"
    run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o",
        f"{listen} -c unix_socket_directories={folder}")  # fmt: skip
    yield f"postgresql://cxr@127.0.0.1:{port}/postgres"
    run("pg_ctl", "stop", "-m", "immediate")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def ledger(request, tmp_path):
    """An empty ledger on each database that we promise."""
    if request.param == "sqlite":
        return open_database(f"sqlite:///{tmp_path}/ledger.db")
    address = request.getfixturevalue("postgres")
    empty_postgres(address)
    return open_database(address)


def empty_postgres(address: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
