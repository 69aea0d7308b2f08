"""Which source a folder of films and a report file are of, by looking at them."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from cxrmlops.data.sources.report_xml import read_reports
from cxrmlops.errors import DataError

_TABLES = (".csv", ".csv.gz", ".tsv", ".txt")
_ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")
_HEAD = 64 * 1024  # bytes; the first line of a table ends before


def recognise_reports(path: Path) -> str | None:
    """Name the source that can read the reports at `path`; None: no source can."""
    if path.is_dir():
        return "openi" if any(path.rglob("*.xml")) and _is_openi(path) else None
    name = path.name.lower()
    if name.endswith(_ARCHIVES):
        return "openi" if _is_openi(path) else None
    if not name.endswith(_TABLES):
        return None
    columns = _first_line(path).casefold()
    if "image index" in columns and "finding labels" in columns:
        return "nih"
    return "hospital" if "conclusion" in columns else None


def find_reports(films: Path) -> list[tuple[Path, str]]:
    """Look for report files in and beside the film folder: path and source of each."""
    found = [(path, recognise_reports(path)) for path in _candidates(films)]
    return [(path, source) for path, source in found if source]


def _candidates(films: Path) -> Iterator[Path]:
    endings = (*_TABLES, *_ARCHIVES)
    for folder in (films, films.resolve().parent):
        entries = sorted(folder.iterdir())
        yield from (p for p in entries if p.name.lower().endswith(endings))
        yield from (p for p in entries if p.is_dir() and any(p.glob("*.xml")))


def _is_openi(path: Path) -> bool:
    try:
        return bool(read_reports(path))
    except DataError:
        return False


def _first_line(path: Path) -> str:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            head: bytes = file.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return ""
    return head.split(b"\n", 1)[0].decode("latin-1")
