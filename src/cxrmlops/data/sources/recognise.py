"""Which source a folder of films and a report file are of, by looking at them."""

from collections.abc import Iterator
from pathlib import Path

from cxrmlops.data.sources.csv_table import read_columns
from cxrmlops.data.sources.report_xml import read_reports
from cxrmlops.system.errors import DataError

_TABLES = (".csv", ".csv.gz", ".tsv", ".txt", ".xls", ".xlsx")
_ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")


def recognise_reports(path: Path) -> str | None:
    """Name the source that can read the reports at `path`; None: no source can.

    Raises:
        DataError: it bears a table's name, but is none that can be read.
    """
    if path.is_dir():
        return "openi" if any(path.rglob("*.xml")) and _is_openi(path) else None
    name = path.name.lower()
    if name.endswith(_ARCHIVES):
        return "openi" if _is_openi(path) else None
    if not name.endswith(_TABLES):
        return None
    names = {name.casefold() for name in read_columns(path)}
    columns = ",".join(names)
    if "image index" in columns and "finding labels" in columns:
        return "nih"
    if "rsna_class" in names or names >= {"patientid", "class"}:
        return "rsna"
    return "hospital" if "conclusion" in columns else None


def find_reports(images: Path) -> list[tuple[Path, str]]:
    """Look for report files in and beside the film folder: path and source of each.

    Raises:
        DataError: there is none, but a table that cannot be read.
    """
    found, unreadable = [], []
    for path in _candidates(images):
        try:
            source = recognise_reports(path)
        except DataError as error:
            if path.suffix.lower() != ".txt":  # any text may lie beside films
                unreadable.append(error)
            continue
        if source:
            found.append((path, source))
    if unreadable and not found:
        raise unreadable[0]
    return found


def _candidates(images: Path) -> Iterator[Path]:
    endings = (*_TABLES, *_ARCHIVES)
    for folder in (images, images.resolve().parent):
        entries = sorted(folder.iterdir())
        yield from (p for p in entries if p.name.lower().endswith(endings))
        yield from (p for p in entries if p.is_dir() and any(p.glob("*.xml")))


def _is_openi(path: Path) -> bool:
    try:
        return bool(read_reports(path))
    except DataError:
        return False
