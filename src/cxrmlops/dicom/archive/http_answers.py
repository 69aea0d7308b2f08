"""Answers over HTTP that end, in size and in time, and the films in them."""

import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from cxrmlops.dicom.archive.login import Login
from cxrmlops.system.errors import ParamsError

WHOLE_SECONDS = 600.0  # of one answer, however steadily it drips
MOST_ANSWER = 64 * 2**20  # bytes of JSON; metadata of a series is far below


class TooLong(ValueError):
    """An answer beyond what we read."""


def open_session(login: Login) -> requests.Session:
    """Open a session that proves who we are; certificates are verified."""
    session = requests.Session()
    session.headers["Accept"] = "application/dicom+json"
    if token := os.environ.get(login.token):
        session.headers["Authorization"] = f"Bearer {token}"
    elif user := os.environ.get(login.user):
        session.auth = (user, os.environ.get(login.password, ""))
    return session


def bound(response: requests.Response, *_: Any, **__: Any) -> requests.Response:
    """Read an answer within limits, before anybody reads all of it."""
    response.raw = _BoundedBody(response.raw)
    return response


class _BoundedBody:
    """The body of an answer that ends: in size and in time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        """Be like the body itself in all else."""
        return getattr(self._raw, name)

    def stream(self, amount: int, **how: Any) -> Iterator[bytes]:
        """Yield the body piece by piece."""
        yield from limited(self._raw.stream(amount, **how), MOST_ANSWER)


def limited(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Pass on what comes.

    Raises:
        TooLong: it is more than `most` bytes.
        requests.Timeout: it takes too long as a whole.
    """
    until, size = time.monotonic() + WHOLE_SECONDS, 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooLong
        if time.monotonic() > until:
            raise requests.Timeout
        yield piece


def unwrap(body: Path, content_type: str, out: Path) -> None:
    """Take the one part out of a multipart answer (RFC 2046), as it is.

    Raises:
        ValueError: it is cut short, or holds anything but one part.
    """
    kind, *parameters = [part.strip() for part in content_type.split(";")]
    if kind.lower() == "application/dicom":  # Quirk: some servers send it bare
        body.replace(out)
        return
    named = dict(part.partition("=")[::2] for part in parameters)
    if kind.lower() != "multipart/related" or not named.get("boundary"):
        raise ValueError("not multipart/related")
    mark = b"--" + named["boundary"].strip('"').encode()
    with (
        body.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_of_it,
    ):
        first = all_of_it.find(mark)
        start = all_of_it.find(b"\r\n\r\n", first) + 4
        end = all_of_it.find(b"\r\n" + mark, start)
        closed = all_of_it[end + len(mark) + 2 :][:2] == b"--"
        if min(first, start - 4, end) < 0 or not closed:
            raise ValueError("cut short, or several parts")
        with out.open("wb") as image, memoryview(all_of_it) as view:
            image.write(view[start:end])


def shown_place(url: str, login: Login) -> str:
    """Name the place without path, user and password.

    Args:
        url: of the service.
        login: where user and password belong.

    Raises:
        ParamsError: no http(s) address, or one with a user in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParamsError(
            "the archive's address is no URL of a DICOMweb service; expected "
            "dicomweb:https://host[:port]/root"
        )
    if parts.username or parts.password:
        raise ParamsError(
            "the archive's address holds a user or password; take them out and set "
            f"{login.user} and {login.password}, or {login.token}"
        )
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
