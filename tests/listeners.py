"""Tiny real servers on loopback, for tests: HTTP and SMTP."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_POLL = 0.01  # s, at most, until a server sees that it shall end


class Http:
    """Answers what a test put at a path, 404 else, and keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object]] = {}
        self.asked: list[tuple[str, str, dict[str, str], object]] = []
        self.hold = threading.Event()  # cleared: answers wait
        self.hold.set()
        self.address = ""


@contextmanager
def http() -> Iterator[Http]:
    told = Http()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.loads(body) if body else None
            told.asked.append((self.command, self.path, dict(self.headers), content))
            told.hold.wait(30)
            status, answer = told.answers.get(self.path, (404, {}))
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", str(answer))
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True).start()
    told.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        told.hold.set()
        server.shutdown()
        server.server_close()


class Smtp:
    """Takes mail, or refuses every recipient, and keeps what came."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.sent_to: list[str] = []
        self.logins: list[str] = []
        self.refuses = False
        self.is_silent = False
        self.port = 0


class _Session(socketserver.StreamRequestHandler):
    """One client; the server has `told`, what the test set and reads."""

    def handle(self) -> None:
        told = self.server.told
        if told.is_silent:
            self.connection.settimeout(30)
            self.rfile.read(1)
            return
        self._say("220 test")
        for line in iter(self.rfile.readline, b""):
            words = line.decode().strip()
            self._say(self._answer(told, words[:4].upper(), words))
            if words[:4].upper() == "QUIT":
                return

    def _answer(self, told: Smtp, verb: str, words: str) -> str:
        if verb == "EHLO":
            return "250-test\r\n250 AUTH PLAIN"
        if verb == "AUTH":
            told.logins.append(words)
            return "235 welcome"
        if verb == "RCPT":
            told.sent_to.append(words.partition(":")[2].strip("<>"))
            return "550 nobody" if told.refuses else "250 ok"
        if verb == "DATA":
            self._say("354 go on")
            body = b"".join(iter(self.rfile.readline, b".\r\n"))
            told.letters.append(message_from_bytes(body))
        return "221 bye" if verb == "QUIT" else "250 ok"

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class _SmtpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    told: Smtp


@contextmanager
def smtp() -> Iterator[Smtp]:
    server = _SmtpServer(("127.0.0.1", 0), _Session)
    server.told = Smtp()
    threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True).start()
    server.told.port = server.server_address[1]
    try:
        yield server.told
    finally:
        server.shutdown()
        server.server_close()
