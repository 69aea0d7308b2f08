"""SQLite files while somebody works with them: looked at, copied and put back.

A plain copy of the file can hold half a transaction, and lacks what is in the
write-ahead log. SQLite's online backup takes a whole state, whoever writes meanwhile
(sqlite.org/backup.html).
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from cxrmlops.system.errors import ServiceError
from cxrmlops.system.files import OWNER_FILE, make_folder, whole

BUSY_SECONDS = 30.0
_BROKEN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def read_only(path: Path | str) -> sqlite3.Connection:
    """Open a database that is there, to look at it.

    Raises:
        FileNotFoundError: there is none; none is made.
    """
    if not Path(path).exists():
        raise FileNotFoundError(path)
    place = quote(str(Path(path).absolute()))
    return sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def save(database: Path, copy: Path) -> None:
    """Copy a database as it is at one moment, whole or not at all, for its owner alone.

    Raises:
        ServiceError: it cannot be read.
    """
    try:
        with (
            closing(read_only(database)) as source,
            whole(copy, private=True) as draft,
            closing(sqlite3.connect(draft)) as target,
        ):
            source.backup(target)
            # one file, readable where nobody can write a log beside it
            target.execute("PRAGMA journal_mode = DELETE")
    except (sqlite3.Error, FileNotFoundError) as error:
        raise ServiceError(
            f"{database} could not be copied ({_plain(error)}); see whether it is a "
            "sound SQLite database, then run again: nothing was written"
        ) from None


def put_back(copy: Path, database: Path) -> None:
    """Make a database what its copy is, in one transaction.

    What is open stays open: SQLite itself writes, no file changes under anybody's feet.

    Raises:
        ServiceError: it cannot be written, or somebody is writing to it all the time.
    """
    make_folder(database.parent, private=True)
    if not database.exists():
        os.close(os.open(database, os.O_CREAT | os.O_WRONLY, OWNER_FILE))
    try:
        with (
            closing(read_only(copy)) as source,
            closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as target,
        ):
            source.backup(target)
    except (sqlite3.Error, FileNotFoundError) as error:
        is_broken = getattr(error, "sqlite_errorcode", None) in _BROKEN
        do = "move it away" if is_broken else "end what works with it"
        raise ServiceError(
            f"{database} could not be written ({_plain(error)}); {do}, then run again: "
            "it is as it was"
        ) from None


def _plain(error: Exception) -> str:
    return "it is missing" if isinstance(error, FileNotFoundError) else str(error)
