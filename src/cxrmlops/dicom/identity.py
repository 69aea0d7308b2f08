"""UIDs, of what we derive too, and pseudonyms of whom it is about."""

import hashlib
import hmac
import json
import os
import re
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path

from cxrmlops.system.errors import DataError, ResourceError

KEY_VARIABLE = "CXR_PSEUDONYM_KEY"
_KEY_BYTES = 32
_LEGAL_UID = re.compile(r"[0-9]+(\.[0-9]+)*")  # PS3.5 9.1
_OURS = uuid.UUID("6f0e5f6c-7f0b-5d4b-9c55-3d2c6f7c9a11")  # never change it


def derived_uid(kind: str, sources: Sequence[str], model_key: str) -> str:
    """Name an object by what it is made from: the same every time.

    A second run finds its own objects by it. UUIDv5 as a UID below 2.25 (PS3.5 B.2).

    Args:
        kind: what it is, e.g. `sr`.
        sources: UIDs and content hashes of what it is made from, in any order. UIDs
            alone would not do: an image may change under its UID, and one UID may
            stand in two studies.
        model_key: the model that made it.
    """
    name = json.dumps([kind, sorted(sources), model_key], separators=(",", ":"))
    return f"2.25.{uuid.uuid5(_OURS, name).int}"


def is_uid(found: str) -> bool:
    """Return whether this is a UID; only UIDs go into addresses and queries."""
    return len(found) <= 64 and _LEGAL_UID.fullmatch(found) is not None


def pseudonym(key: bytes, *parts: str) -> str:
    """Replace a number by 16 hex digits that only the key's holder can make again."""
    text = json.dumps(parts, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def pseudonym_key() -> bytes:
    """Return this site's key: CXR_PSEUDONYM_KEY, else a file made once in the home.

    Raises:
        DataError: the key file is empty.
        ResourceError: it can neither be read nor made.
    """
    if given := os.environ.get(KEY_VARIABLE):
        return given.encode()
    try:
        path = _usual_file()
        if not path.exists():
            _make_key(path)
        key = path.read_bytes().strip()
    except (OSError, RuntimeError) as error:  # the latter: nobody knows the home
        raise ResourceError(
            "the key of the pseudonyms cannot be kept in the home folder "
            f"({getattr(error, 'strerror', None) or error}); set {KEY_VARIABLE} to a "
            "secret of your own and keep it, or set HOME to a folder that is writable"
        ) from None
    if not key:
        raise DataError(
            f"{path} is empty; put the old key back, or remove the file to start "
            "again with new pseudonyms"
        )
    return key


def key_file() -> Path | None:
    """Name the file that keeps this site's key; None: CXR_PSEUDONYM_KEY holds it.

    The file need not be there; none is made.
    """
    if os.environ.get(KEY_VARIABLE):
        return None
    try:
        return _usual_file()
    except RuntimeError:  # nobody knows the home
        return Path("/nonexistent")


def key_fingerprint(key: bytes) -> str:
    """Tell keys apart without telling the key: 16 hex digits."""
    return pseudonym(key, "fingerprint of the key")


def _usual_file() -> Path:
    return Path.home() / ".config/cxrmlops/pseudonym.key"


def _make_key(path: Path) -> None:
    """Write a new key whole; of two processes that do so at once, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    at = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(at, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
