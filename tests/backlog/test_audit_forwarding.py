import json
import logging
import re
import socket
import time

import pytest

from cxrmlops.backlog import audit, audit_forwarding
from cxrmlops.backlog.audit import Event
from cxrmlops.system.errors import ParamsError

HEADER = re.compile(  # RFC 5424 6
    r"<(\d+)>1 \d{4}-\d\d-\d\dT[\d:.]+\+00:00 \S+ cxrmlops \d+ audit - (\{.*\})"
)


@pytest.fixture(autouse=True)
def _stream(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_AUDIT", str(tmp_path / "audit.jsonl"))
    monkeypatch.setattr(audit_forwarding, "_HANDLERS", {})
    monkeypatch.setattr(audit_forwarding, "_SILENT_UNTIL", {})


def add(outcome: int = audit.SUCCESS) -> None:
    audit.record([Event(audit.QUERY, audit.EXECUTE, outcome=outcome)])


def test_a_collector_gets_each_line_by_datagram(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        address = f"udp://127.0.0.1:{collector.getsockname()[1]}"
        monkeypatch.setenv("CXR_SYSLOG", address)

        add()
        add(audit.SERIOUS)

        good, bad = (HEADER.fullmatch(collector.recv(9999).decode()) for _ in range(2))
    assert int(good[1]) == 13 * 8 + 6  # audit, informational
    assert int(bad[1]) == 13 * 8 + 4  # audit, warning
    assert json.loads(good[2])["sequence"] == 1
    assert json.loads(bad[2])["outcome"] == 8


def test_a_collector_gets_whole_lines_by_stream(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as collector:
        collector.settimeout(10)
        address = f"tcp://127.0.0.1:{collector.getsockname()[1]}"
        monkeypatch.setenv("CXR_SYSLOG", address)
        add()
        add()
        connection, _ = collector.accept()
        connection.settimeout(10)
        with connection, connection.makefile("r") as came:
            lines = [came.readline() for _ in range(2)]

    assert [bool(HEADER.fullmatch(line.rstrip("\n"))) for line in lines] == [True] * 2


def test_the_socket_of_this_machine_takes_lines(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
        collector.bind(str(tmp_path / "log"))
        collector.settimeout(10)
        monkeypatch.setenv("CXR_SYSLOG", f"unix:{tmp_path}/log")

        add()

        assert HEADER.fullmatch(collector.recv(9999).decode())


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "unix:/nowhere/log"])
def test_a_collector_that_is_gone_stops_nothing_and_is_told_once(
    address, monkeypatch, caplog
):
    monkeypatch.setenv("CXR_SYSLOG", address)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            add()

    assert len(audit.audit_file().read_text().splitlines()) == 3
    assert caplog.text.count("do not reach the collector") == 1
    assert audit.QUERY not in caplog.text


def test_a_collector_that_comes_back_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_forwarding, "SILENT_SECONDS", 0)
    monkeypatch.setenv("CXR_SYSLOG", f"unix:{tmp_path}/log")
    add()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
        collector.bind(str(tmp_path / "log"))
        collector.settimeout(10)

        add()

        said = HEADER.fullmatch(collector.recv(9999).decode())
    assert json.loads(said[2])["sequence"] == 2


def test_a_collector_that_takes_nothing_in_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(audit_forwarding, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as collector:
        address = f"tcp://127.0.0.1:{collector.getsockname()[1]}"
        monkeypatch.setenv("CXR_SYSLOG", address)
        big = "{" + '"outcome": 0, "x": "' + "x" * 2**24 + '"}'
        begun = time.monotonic()

        audit_forwarding.forward([big])

    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("address", ["log.example.org", "udp://", "unix:log", "x://["])
def test_an_address_that_makes_no_sense_is_refused(address, monkeypatch):
    monkeypatch.setenv("CXR_SYSLOG", address)

    with pytest.raises(ParamsError, match="CXR_SYSLOG is no address"):
        add()
