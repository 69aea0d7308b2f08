"""A short question to an HTTP service: is it there, and what does it say."""

import json
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

SECONDS = 4.0
MOST_BYTES = 2**20


class NoAnswerError(Exception):
    """Nothing came, or no good; the text says why, without the address.

    Args:
        why: in words.
        status: HTTP's, of an answer that was no good; None: nobody answered.
    """

    def __init__(self, why: str, *, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def get(address: str, *, headers: Mapping[str, str] | None = None) -> Any:
    """Ask with GET; give what the JSON of the answer holds, else its text.

    Raises:
        NoAnswerError: no http(s) address, no connection, too slow, or a status of 300
            and above.
    """
    return _ask(address, None, dict(headers or {}))


def post(
    address: str, content: Any, *, headers: Mapping[str, str] | None = None
) -> Any:
    """Send JSON with POST; give the answer as `get` does.

    Raises:
        NoAnswerError: as of `get`.
    """
    kind = {"Content-Type": "application/json"}
    return _ask(address, json.dumps(content).encode(), kind | dict(headers or {}))


def without_login(address: str) -> str:
    """Return an address without user, password and query, where a token may stand."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address given"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _ask(address: str, body: bytes | None, headers: dict[str, str]) -> Any:
    if not address.lower().startswith(("http://", "https://")):
        raise NoAnswerError("no http address")
    try:
        asked = urllib.request.Request(address, body, headers)  # POST if there is body
        with _OPENER.open(asked, timeout=SECONDS) as answer:
            text = answer.read(MOST_BYTES).decode("utf-8", "replace")
    except HTTPError as error:
        error.close()
        raise NoAnswerError(f"HTTP {error.code}", status=error.code) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or type(reason).__name__
        raise NoAnswerError(str(why)) from None
    try:
        return json.loads(text)
    except ValueError:
        return text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a token would travel along."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Let the redirect be the answer."""


_OPENER = urllib.request.build_opener(_NoRedirect)
