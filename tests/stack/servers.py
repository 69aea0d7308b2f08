"""A project with real servers of its own: what `cxrmlops up` starts, on free ports."""

import os
import shutil
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from cxrmlops.params import Ports
from cxrmlops.stack import ohif
from cxrmlops.system.errors import ServiceError
from tests.ohif import CACHE
from tests.orthanc import PLUGINS, free_ports


class Project:
    """Commands of a project, and questions to its servers."""

    def __init__(self, folder: Path, servers: Path) -> None:
        """Give the site.yaml in `folder` free ports; servers keep all in `servers`."""
        self.folder, self.servers = folder, servers
        names = list(Ports.model_fields)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        place = folder / "site.yaml"
        content = yaml.safe_load(place.read_text()) | {"ports": self.ports}
        place.write_text(yaml.safe_dump(content))

    def run(
        self, *words: str, code: int = 0, surroundings: Mapping[str, str] | None = None
    ) -> str:
        """Run a command of cxrmlops; give what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "cxrmlops.cli", *words],
            cwd=self.folder,
            env=os.environ | {"CXR_STACK": str(self.servers)} | (surroundings or {}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def addresses(self) -> dict[str, str]:
        """Give the variables that a shell has after it loaded `addresses.env`."""
        lines = f"set -a; . {self.servers}/addresses.env; exec env -0"
        done = subprocess.run(["sh", "-c", lines], capture_output=True, check=True)
        pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0"))
        return {name: value for name, _, value in pairs if name}

    def ask(self, service: str, path: str, login: str = "", data: bytes = b"") -> bytes:
        """Ask a server by HTTP."""
        address = f"http://127.0.0.1:{self.ports[service]}{path}"
        request = urllib.request.Request(address, data or None)
        if login:
            basic = b64encode(login.encode()).decode()
            request.add_header("Authorization", f"Basic {basic}")
        if data:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def password(self, name: str) -> str:
        """Give one of the servers' passwords."""
        lines = (self.servers / "passwords.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)[name]

    def supervisor(self, *words: str) -> str:
        """Give an order to the supervisor of the servers."""
        program = str(Path(sys.executable).with_name("supervisorctl"))
        settings = ("-c", str(self.servers / "supervisord.conf"))
        done = subprocess.run(
            [program, *settings, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    def process(self, service: str) -> int:
        """Give the number of a server's process."""
        return int(self.supervisor("pid", service))


@contextmanager
def started(folder: Path) -> Iterator[Project]:
    """Run every server for the project in `folder`; skip where one is not installed."""
    if not PLUGINS.exists() or not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        pytest.skip("Orthanc or nginx is missing")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("PostgreSQL is missing")
    # below /var/tmp any account may enter, as PostgreSQL's must
    servers = Path("/var/tmp") / f"cxr-servers-{os.getpid()}-{folder.name}"
    try:
        ohif.fetch_viewer(servers / "viewer" / "dist", cache=CACHE)
    except ServiceError as error:
        pytest.skip(str(error))
    project = Project(folder, servers)
    try:
        project.run("up")
        yield project
    finally:
        project.run("down")
        shutil.rmtree(servers)
