"""Opening what comes from outside, within limits."""

import hashlib
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.scope import Scope

_START = 16  # bytes, enough for every magic number that is looked for


@dataclass(frozen=True)
class Limits:
    """What one file may cost at most."""

    max_bytes: int = 256 * 1024**2  # of the file, and of its dataset once inflated
    max_pixels: int = 100_000_000  # rows x columns x frames
    max_nesting: int = 32  # sequences within sequences
    max_reads: int = 200_000  # parser steps, about three per attribute
    max_values: int = 200_000  # of all attributes together, items of sequences included
    max_inflation: int = 100  # times the size of a deflated dataset

    @classmethod
    def of(cls, scope: Scope) -> "Limits":
        """Take the limits on file and picture from a scope."""
        return cls(max_bytes=scope.max_bytes, max_pixels=scope.max_pixels)


LIMITS = Limits()


@dataclass(frozen=True)
class Source:
    """A file or its bytes, opened once for whatever is then read of it."""

    raw: io.FileIO | io.BytesIO
    size: int  # bytes
    start: bytes  # the first bytes, which tell pictures from everything else

    def content(self) -> str:
        """Return the SHA-256 of all bytes, 64 hex digits; what reads next starts anew.

        Raises:
            Rejected: `unreadable`.
        """
        with reject_on_error("unreadable", "reading the file"):
            digest = hashlib.file_digest(self.raw, "sha256").hexdigest()
            self.raw.seek(0)
        return digest


@contextmanager
def opened(source: Path | bytes, *, limits: Limits = LIMITS) -> Iterator[Source]:
    """Open a file, or bytes that came some other way.

    Raises:
        Rejected: `unreadable` or `too_large`.
    """
    if isinstance(source, bytes):
        _check_size(len(source), limits)
        yield Source(io.BytesIO(source), len(source), source[:_START])
        return
    with reject_on_error("unreadable", "opening the file"):
        found = source.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Rejected("unreadable", "not a regular file")
        _check_size(found.st_size, limits)
        raw = io.FileIO(source)
    with raw:
        start = raw.read(_START)
        raw.seek(0)
        yield Source(raw, found.st_size, start)


def _check_size(n_bytes: int, limits: Limits) -> None:
    if n_bytes > limits.max_bytes:
        raise Rejected("too_large", f"file of {n_bytes} bytes")
