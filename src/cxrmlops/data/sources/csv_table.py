"""
Tables that people export: comma, semicolon, tab or bar between the fields; all text.

The first line that holds anything is the heading; Excel's "sep=;" may stand before it.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrmlops.data.sources.table_text import HEAD, lines_of, read_text
from cxrmlops.system.errors import DataError

SHOWN_COLUMNS = 20  # named in a message; the rest are counted
_DELIMITERS = ",;\t|"  # of several that are as frequent, the first
_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?[,;\s]*", re.IGNORECASE)  # Excel's own line
_NOTHING = re.compile(r"[\s,;|\"]*")  # of a line between delimiters
_NAME = re.compile(r"[^\W\d][\w .#/()\[\],-]{0,40}")  # what a column may be called
_VALUE = re.compile(r"\d{5}|\^")  # a number or a person's name, not a column's


@dataclass(frozen=True)
class _Heading:
    """Where the heading stands, and what stands between fields."""

    line: int  # of the file, from 1
    text: str
    delimiter: str


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table as text, column names trimmed; numbers keep their leading zeros.

    Returns:
        One row per record, indexed by the line of the file that it begins in; fields
        that a short record lacks are "".

    Raises:
        DataError: no table in it; the line that is wrong is named.
    """
    text = read_text(path)
    heading = _heading(text, path)
    records = _records(text, heading, path)
    _, names = next(records)
    rows = list(records)
    width = len(names)
    long = [line for line, row in rows if len(row) > width]
    if long and len(long) == len(rows):
        raise DataError(
            f"{path}: rows have more fields than the heading; name every column"
        )
    if long:
        raise DataError(
            f"{path} is not a CSV table (line {long[0]}): the record has more fields "
            'than the heading; put "..." around text that holds the delimiter'
        )
    frame = pd.DataFrame(
        [row + [""] * (width - len(row)) for _, row in rows],
        columns=pd.Index([name.strip() for name in names], dtype="object"),
        index=pd.Index([line for line, _ in rows], dtype="int64", name="line"),
    )
    return frame.astype("string")


def read_columns(path: Path) -> list[str]:
    """Read the names of a table's columns, without its rows.

    Raises:
        DataError: no table in it.
    """
    text = read_text(path, most=HEAD)
    heading = _heading(text, path)
    line = next(csv.reader([heading.text], delimiter=heading.delimiter))
    return [name.strip() for name in line]


def require_columns(frame: pd.DataFrame, names: Sequence[str], *, where: Path) -> None:
    """Raise DataError, saying what is there, unless each of `names` is there once."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        quoted = ", ".join(f"'{name}'" for name in missing)
        raise DataError(
            f"{where}: column {quoted} is missing, found {found_columns(frame)}; "
            "rename or add it"
        )
    twice = sorted(set(frame.columns[frame.columns.duplicated()]) & set(names))
    if twice:
        raise DataError(f"{where}: column '{twice[0]}' is there twice; remove one")


def require_single_lines(
    frame: pd.DataFrame, names: Sequence[str], *, where: Path
) -> None:
    """Refuse a number or word that runs over several lines: a stray quote does that.

    The rows between it and the next quote would be lost without a word.
    """
    for name in names:
        long = frame[name].str.contains(r"[\r\n]")
        if long.any():
            raise DataError(
                f"{where}: column '{name}' runs over several lines from line "
                f'{frame.index[long][0]} on; remove the stray quote (") there'
            )


def found_columns(frame: pd.DataFrame) -> str:
    """List column names for a message; what looks like a value is only counted.

    Where one is a number or a person's name, the first line is a row: none is shown.
    """
    if any(_VALUE.search(str(name)) for name in frame.columns):
        return f"{len(frame.columns)} values where the heading should be"
    names = [name for name in map(str, frame.columns) if _NAME.fullmatch(name)]
    shown = names[:SHOWN_COLUMNS]
    more = len(frame.columns) - len(shown)
    return ", ".join(shown) + (f" and {more} other(s)" if more else "")


def _heading(text: str, path: Path) -> _Heading:
    """Find the first line that holds anything but Excel's "sep=" and blanks."""
    told = ""
    for number, line in enumerate(lines_of(text), start=1):
        if separator := _SEPARATOR.fullmatch(line):
            told = separator[1]
        elif not _NOTHING.fullmatch(line.replace(told, "")):
            return _Heading(number, line, told or max(_DELIMITERS, key=line.count))
    raise DataError(f"{path} is not a CSV table (no columns); export it again")


def _records(
    text: str, heading: _Heading, path: Path
) -> Iterator[tuple[int, list[str]]]:
    """Yield each record, the heading too, with the line that it begins in."""
    lines = lines_of(text)
    for _ in range(heading.line - 1):
        next(lines)
    reader = csv.reader(
        lines, delimiter=heading.delimiter, skipinitialspace=True, strict=True
    )
    begin = heading.line
    try:
        for record in reader:
            if any(field.strip() for field in record):
                yield begin, record
            begin = heading.line + reader.line_num
    except csv.Error:
        raise DataError(
            f'{path} is not a CSV table (line {begin}): a quote (") of the record '
            "that begins there has no partner; remove it, or write it twice"
        ) from None
