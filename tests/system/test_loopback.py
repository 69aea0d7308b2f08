import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cxrmlops.system.loopback import HOSTS, spare_loopback

DEAD = "http://127.0.0.1:9"  # a proxy that answers nothing
ASK = """
import sys
from cxrmlops.system.loopback import spare_loopback
if sys.argv[2] == "spared":
    spare_loopback()
try:
    if sys.argv[1] == "requests":
        import requests as library
        said = library.get(sys.argv[3], timeout=20).text
    elif sys.argv[1] == "httpx":
        import httpx as library
        said = library.get(sys.argv[3], timeout=20).text
    else:
        from urllib.request import urlopen
        said = urlopen(sys.argv[3], timeout=20).read().decode()
except Exception as error:
    said = type(error).__name__
print(said)
"""


class _Here(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_):
        pass


@contextmanager
def serving() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Here) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.integration
@pytest.mark.parametrize("library", ["requests", "httpx", "urllib"])
def test_a_server_of_this_machine_is_reached_although_a_proxy_is_set(library):
    """The libraries of MLflow, Prefect and the archives."""
    plain = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    behind = plain | {"HTTP_PROXY": DEAD, "http_proxy": DEAD, "NO_PROXY": "pacs.site"}
    with serving() as address:
        said = {
            how: subprocess.run(
                [sys.executable, "-c", ASK, library, how, address],
                env=behind,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for how in ("spared", "caught")
        }

    assert said["spared"] == "here"
    assert said["caught"] != "here", "the proxy caught nothing: this test shows nothing"


def test_what_the_site_excepted_stays_excepted_and_nothing_is_named_twice(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "pacs.site, localhost")
    monkeypatch.setenv("no_proxy", "other.site")

    spare_loopback()
    spare_loopback()

    named = os.environ["NO_PROXY"].split(",")
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
    assert {"pacs.site", "other.site", *HOSTS} == set(named)
    assert len(named) == len(set(named))
