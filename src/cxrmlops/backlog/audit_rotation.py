"""
The audit stream as files: one that grows, and whole ones before it that are kept.

Each line has a number, counted on over all files: a line, or a file, that is gone is
seen. Nothing here is ever removed.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxrmlops.system.errors import ParamsError

LIMIT = "CXR_AUDIT_MAX_MIB"
DEFAULT_MIB = 100
_TAIL = 2**16  # bytes that hold a last line; a longer one is read whole


@dataclass(frozen=True)
class Stream:
    """The growing file, while nobody else can write to it."""

    file: int  # open
    sequence: int  # of the next line


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """Open the stream's growing file for one writer; begin a new one when it is full.

    Raises:
        ParamsError: CXR_AUDIT_MAX_MIB is no number.
        OSError: the disk is full, or it may not be written.
    """
    limit = _limit()
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still(file, path):  # another writer has put it aside
                continue
            size = os.fstat(file).st_size
            if limit and size >= limit:
                path.rename(_aside(path, last_sequence(path)))
                continue
            number = last_sequence(path) if size else _before(path)
            yield Stream(file, number + 1)
            return
        finally:
            os.close(file)


def whole_files(path: Path) -> list[Path]:
    """Name the files that were put aside, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}.{'[0-9]' * 12}{path.suffix}"))


def last_sequence(path: Path) -> int:
    """Return the number of a file's last line.

    Lines of versions before 0.3 have none: then it is how many lines there are.
    """
    with path.open("rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        try:
            return int(json.loads(last)["sequence"])
        except (ValueError, KeyError, TypeError):
            file.seek(0)
            return sum(1 for _ in file)


def _before(path: Path) -> int:
    files = whole_files(path)
    return last_sequence(files[-1]) if files else 0


def _aside(path: Path, sequence: int) -> Path:
    return path.with_name(f"{path.stem}.{sequence:012d}{path.suffix}")


def _is_still(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(file)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _limit() -> int:
    given = os.environ.get(LIMIT, "")
    if given and not given.isdigit():
        raise ParamsError(
            f"{LIMIT} is no whole number of MiB; correct it, or unset it for "
            f"{DEFAULT_MIB} (0: one file for ever)"
        )
    return int(given or DEFAULT_MIB) * 2**20
