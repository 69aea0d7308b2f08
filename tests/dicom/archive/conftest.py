from socketserver import BaseServer

import pytest


@pytest.fixture(autouse=True)
def _servers_end_at_once(monkeypatch):
    """A server looks twice a second whether it is to end; each test waits for it."""
    monkeypatch.setattr(BaseServer.serve_forever, "__defaults__", (0.01,))
