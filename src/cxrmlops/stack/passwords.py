"""Passwords of the servers: made once, kept in one file of their owner."""

import secrets
import shlex
from pathlib import Path

from cxrmlops.system.files import write_text

NAMES = (
    "CXR_DATABASE_PASSWORD",
    "CXR_MLFLOW_PASSWORD",
    "CXR_MLFLOW_SECRET",
    "CXR_ARCHIVE_PASSWORD",
)


def read_passwords(path: Path) -> dict[str, str]:
    """Read the passwords; the ones that are missing are made and written (0600)."""
    there = _parse(path) if path.exists() else {}
    kept = {name: there.get(name) or secrets.token_urlsafe(24) for name in NAMES}
    if kept != there:
        write_text(path, "".join(f"{n}={v}\n" for n, v in kept.items()), private=True)
    return kept


def _parse(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
