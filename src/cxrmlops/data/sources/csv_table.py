"""Tables that people export: comma, semicolon or tab; UTF-8 or Latin-1; all text."""

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrmlops.errors import DataError

SHOWN_COLUMNS = 20  # named in a message; the rest are counted
_NAME = re.compile(r"[^\W\d][\w .#/()\[\],-]{0,40}")  # what a column may be called
_VALUE = re.compile(r"\d{5}|\^")  # a number or a person's name, not a column's


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table as text, column names trimmed; numbers keep their leading zeros.

    Raises:
        DataError: no table in it.
    """
    try:
        encoding, head = _look(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=_delimiter(head),
                dtype=str,
                encoding=encoding,
                keep_default_na=False,
                skipinitialspace=True,
                index_col=False,  # a row that is too long must not shift the others
            )
    except pd.errors.ParserWarning:
        raise DataError(
            f"{path}: rows have more fields than the heading; name every column"
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV table ({_line(error)})") from None
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__})") from None
    return frame.rename(columns=lambda name: str(name).strip()).astype("string")


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


def _look(path: Path) -> tuple[str, str]:
    """Find the encoding, and the first line."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data = file.read()
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "latin-1", data.split(b"\n", 1)[0].decode("latin-1")
    return "utf-8-sig", data.split(b"\n", 1)[0].decode("utf-8-sig")


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _line(error: Exception) -> str:
    found = re.search(r"line \d+", str(error))
    return found.group() if found else "no columns"
