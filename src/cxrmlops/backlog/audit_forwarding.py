"""
Audit lines on to the site's own collector: syslog, as RFC 5424 writes it.

The file is the record; what is forwarded is a copy. A collector that does not answer is
told in the log and stops nothing: the numbers of the lines show what it lacks.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from logging.handlers import SysLogHandler
from pathlib import Path
from urllib.parse import urlsplit

from cxrmlops.system.errors import ParamsError

ADDRESS = "CXR_SYSLOG"
LOG_AUDIT = 13  # facility, RFC 5424 6.2.1
PORTS = {"udp": 514, "tcp": 601}
CONNECT_SECONDS = 3.0
SILENT_SECONDS = 60.0  # after a failure nothing is tried for so long

log = logging.getLogger(__name__)
_LOCK = threading.Lock()
_HANDLERS: "dict[str, _Rfc5424]" = {}
_SILENT_UNTIL: dict[str, float] = {}


def forward(lines: Sequence[str]) -> None:
    """Send lines to CXR_SYSLOG, if it is set.

    Raises:
        ParamsError: CXR_SYSLOG is no address.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        return
    place = _place(address)
    with _LOCK:
        if time.monotonic() < _SILENT_UNTIL.get(address, 0):
            return
        try:
            if address not in _HANDLERS:
                _HANDLERS[address] = _Rfc5424(place)
            for line in lines:
                _HANDLERS[address].handle(_record(line))
        except OSError as error:
            _SILENT_UNTIL[address] = time.monotonic() + SILENT_SECONDS
            if (handler := _HANDLERS.pop(address, None)) is not None:
                handler.close()
            log.warning(
                "audit lines do not reach the collector in %s (%s); they are kept in "
                "the file, and it is tried again in a minute",
                ADDRESS,
                error.strerror or type(error).__name__,
            )


class _Rfc5424(SysLogHandler):
    """Python's handler writes RFC 3164; this one the header of RFC 5424 6.2."""

    append_nul = False

    def __init__(self, place: "str | tuple[str, int, int]") -> None:
        """Connect to a socket's path, or to host, port and kind."""
        self._is_stream = not isinstance(place, str) and place[2] == socket.SOCK_STREAM
        if isinstance(place, str):
            super().__init__(place, LOG_AUDIT)
        else:
            self._peer = place[:2]
            super().__init__(place[:2], LOG_AUDIT, socket.SocketKind(place[2]))

    def createSocket(self) -> None:  # noqa: N802  Python's name
        """Connect, and do not wait for ever."""
        if not self._is_stream:
            super().createSocket()
            return
        self.unixsocket = False
        self.socktype = socket.SOCK_STREAM
        self.socket = socket.create_connection(self._peer, CONNECT_SECONDS)

    def format(self, record: logging.LogRecord) -> str:
        """Write version, time, host, program, process and kind before the line."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        head = f"1 {at} {socket.gethostname()} cxrmlops {os.getpid()} audit -"
        end = "\n" if self._is_stream else ""  # RFC 6587 3.4.2
        return f"{head} {record.getMessage()}{end}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Let the error pass: whoever forwards tells it."""
        raise


def _record(line: str) -> logging.LogRecord:
    ended_well = json.loads(line).get("outcome") == 0
    level = logging.INFO if ended_well else logging.WARNING
    return logging.LogRecord("audit", level, "", 0, line, None, None)


def _place(address: str) -> "str | tuple[str, int, int]":
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "unix" and Path(parts.path).is_absolute():
        return parts.path
    if parts.scheme not in PORTS or not parts.hostname:
        raise ParamsError(
            f"{ADDRESS} is no address of a collector; expected udp://host:514, "
            "tcp://host:601 or unix:/dev/log"
        )
    kind = socket.SOCK_STREAM if parts.scheme == "tcp" else socket.SOCK_DGRAM
    return parts.hostname, port or PORTS[parts.scheme], kind
