"""The text of an exported table, whatever a program wrapped it in."""

import codecs
import gzip
import io
import zlib
from pathlib import Path

from cxrmlops.system.errors import DataError

HEAD = 64 * 1024  # bytes that the heading is looked for in

_GZIP = b"\x1f\x8b"
# What is saved under a table's name and is none: first bytes -> what it is.
_OTHERS = {
    b"PK\x03\x04": "an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"<": "HTML or XML",
}
_MARKS = {  # longest first: UTF-32's begins as UTF-16's does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}


def read_text(path: Path, *, most: int = -1) -> str:
    """Read a table as text: packed by gzip or not, UTF-8, UTF-16 or Latin-1.

    Args:
        path: the file; its content decides, not its name.
        most: bytes to read; -1 reads all. Where a letter is cut, it is left out.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        data = _bytes(path, most)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}); copy or export it again"
        ) from None
    for begin, kind in _OTHERS.items():
        if data.lstrip(codecs.BOM_UTF8).startswith(begin):
            raise DataError(f"{path} is {kind}, not a CSV table; save it as CSV UTF-8")
    text = _decoded(data, whole=most < 0)
    if "\0" in text:
        raise DataError(
            f"{path} is no text (line {text[: text.index(chr(0))].count(chr(10)) + 1} "
            "holds a zero byte); export it again as CSV UTF-8"
        )
    return text


def _bytes(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if packed:
            with gzip.open(file) as unpacked:
                return bytes(unpacked.read(most))
        return file.read(most)


def _decoded(data: bytes, *, whole: bool) -> str:
    encoding = next((e for m, e in _MARKS.items() if data.startswith(m)), None)
    encoding = encoding or _unmarked_utf16(data) or "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(data, final=whole)
    except UnicodeDecodeError:
        return data.decode("latin-1")  # any bytes are; old exports of Windows are this


def _unmarked_utf16(data: bytes) -> str | None:
    """Know UTF-16 without a mark by the zero half of the heading's plain letters."""
    high, low = data[0:64:2], data[1:64:2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if high and not any(high) and all(low):
        return "utf-16-be"
    return None


def lines_of(text: str) -> io.StringIO:
    """Return the text for the csv module, its line ends as they are."""
    return io.StringIO(text, newline="")
