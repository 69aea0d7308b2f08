"""A real PostgreSQL on loopback that tests start, stop and restart."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class PostgreSQL:
    """A server with its own folder and port; skips the test where there is none."""

    def __init__(self) -> None:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("no user postgres")
        if not PROGRAMS or os.geteuid() != 0:
            pytest.skip(
                "PostgreSQL's programs, or the right to be its user, are missing"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="cxr-postgres-"))
        shutil.chown(self._folder, "postgres", "postgres")
        self._port = free_port()
        self._run("initdb", "-A", "trust", "-U", "cxr", "--no-sync")

    @property
    def address(self) -> str:
        return f"postgresql://cxr@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        listen = f"-c listen_addresses=127.0.0.1 -c port={self._port} -c fsync=off"
        where = f"{listen} -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", where)

    def stop(self) -> None:
        """End it as a crash would: whoever is connected is cut off."""
        self._run("pg_ctl", "stop", "-m", "immediate")

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def _run(self, program: str, *words: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(PROGRAMS[-1] / program)]
        subprocess.run(
            [*command, "-D", str(self._folder / "data"), *words],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )
