"""A real Orthanc on loopback with an empty store, for tests of archives."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Orthanc:
    http_port: int
    dicom_port: int
    move_port: int  # where it thinks that we listen
    title: str = "ORTHANC"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb(self) -> str:
        return f"dicomweb:{self.url}/dicom-web"

    def dimse(self, retrieve: str = "get", **others: str) -> str:
        more = "".join(f"&{name}={value}" for name, value in others.items())
        return (
            f"dimse:{self.title}@127.0.0.1:{self.dicom_port}"
            f"?retrieve={retrieve}&port={self.move_port}{more}"
        )

    def ask(self, path: str, *, data: bytes | None = None, method: str = "") -> Any:
        """Call its own REST interface; JSON as JSON, the rest as bytes."""
        request = urllib.request.Request(
            self.url + path, data, method=method or ("POST" if data else "GET")
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read()
            kind = response.headers.get("Content-Type", "")
        return json.loads(body) if "json" in kind else body

    def put(self, file: Path) -> None:
        self.ask("/instances", data=file.read_bytes())

    def instances(self, **tags: str) -> list[str]:
        """Find its own names of instances by their tags."""
        query = {"Level": "Instance", "Query": tags, "CaseSensitive": True}
        return self.ask("/tools/find", data=json.dumps(query).encode())

    def empty(self) -> None:
        for name in self.ask("/patients"):
            self.ask(f"/patients/{name}", method="DELETE")


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Orthanc]:
    """Run Orthanc until the block ends; skips where it is not installed."""
    if not Path(PROGRAM).exists() or not PLUGINS.exists():
        pytest.skip("Orthanc or its DICOMweb plugin is missing")
    server = Orthanc(*free_ports(3))
    content = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": server.http_port,
        "DicomPort": server.dicom_port,
        "DicomAet": server.title,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
        "OverwriteInstances": False,
        "StableAge": 1,
        "DicomModalities": {"US": ["CXRMLOPS", "127.0.0.1", server.move_port]},
        "Plugins": [str(PLUGINS)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    } | settings
    (folder / "orthanc.json").write_text(json.dumps(content))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, str(folder / "orthanc.json")], stdout=log, stderr=log
        )
        try:
            _wait_for(f"{server.url}/system", process)
            yield server
        finally:
            process.kill()
            process.wait()


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, "Orthanc ended"
            time.sleep(0.1)
    raise TimeoutError(address)
