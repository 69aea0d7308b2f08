"""
A file that comes from outside, under a parser that believes what it reads there.

Lengths in it are promises: one too long costs memory, or swallows what follows.
"""

import io

from pydicom.tag import BaseTag

from cxrmlops.system.errors import Rejected

PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # float, double and integer pixel data

_UNDEFINED = 0xFFFFFFFF  # length of what ends with a delimiter
_LARGE_READ = 1 << 16  # bytes; a longer one is first compared with what is left


class BoundedFile(io.BufferedReader):
    """A file that never promises more than it holds and ends a parser's long walk."""

    def __init__(self, raw: io.FileIO | io.BytesIO, size: int, max_reads: int) -> None:
        super().__init__(raw)
        self.size = size
        self.reads_left = max_reads

    @property
    def name(self) -> str:
        """Return no name: pydicom asks for one, and bytes that were sent have none."""
        return ""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read what is asked for, at most what is left."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise Rejected("too_large", "more attributes than any film has")
        if size is None or size < 0 or size > _LARGE_READ:
            left = self.size - self.tell()
            size = left if size is None or size < 0 else min(size, left)
        return super().read(max(size, 0))

    def close(self) -> None:
        """Leave what lies below open: who opened it may read it again."""


class AttributeWatch:
    """Stops a parser at the pixels, and remembers a length that the file cannot hold.

    pydicom would take what is left of the file for the value, and say nothing.
    """

    def __init__(self, *, last: int | None = None) -> None:
        """Stop sooner, behind the attribute `last` (attributes ascend, PS3.5 7.1)."""
        self.file: BoundedFile | None = None  # that is parsed
        self._last = last
        self._beyond: BaseTag | None = None  # attribute that the file cannot hold
        self.has_pixels = False

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        """Tell pydicom whether to stop here."""
        left = _UNDEFINED if self.file is None else self.file.size - self.file.tell()
        if left < length < _UNDEFINED and self._beyond is None:
            self._beyond = tag
        self.has_pixels |= tag in PIXELS
        return tag in PIXELS or (self._last is not None and tag > self._last)

    def check_header(self) -> None:
        """Refuse a file that ends within its header.

        Raises:
            Rejected: `unreadable`.
        """
        if self._beyond is not None and self._beyond not in PIXELS:
            why = "an attribute is announced longer than the file; send it whole"
            raise Rejected("unreadable", why)

    def check_pixels(self) -> None:
        """Refuse a file that ends within its pixels; its header is whole.

        Raises:
            Rejected: `undecodable`.
        """
        if self._beyond in PIXELS:
            why = "Pixel Data are announced longer than the file; send it whole"
            raise Rejected("undecodable", why)
