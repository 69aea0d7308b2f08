"""
What nobody needs any more, found and removed: results of studies that are delivered.

Removed is only what the ledger knows to be at its end, and what is older than asked. It
can be made again, or lies in the archive. Images, ledger, MLflow, audit stream and
backups are never touched.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.finished_chunks import (
    finished_chunks,
    known_chunks,
    open_chunks,
)
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.rollout_log import challenger_of
from cxrmlops.system.errors import ParamsError

RESULTS = (Path("data/score"), Path("data/report"))
NOTES = "*.failed.txt"
MODELS = Path(".work/models")
DEFAULT_DAYS = 90

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """A file or folder that is no longer needed."""

    kind: str  # results, error notes or fetched bundles
    path: Path
    bytes: int


@dataclass(frozen=True)
class Found:
    """What can go, and what lies there that the ledger does not know."""

    items: tuple[Item, ...]
    unknown: int  # folders

    def lines(self, *, removed: bool) -> Iterator[str]:
        """Say it in counts."""
        did = "removed" if removed else "would remove"
        for kind in sorted({item.kind for item in self.items}):
            mine = [item for item in self.items if item.kind == kind]
            size = sum(item.bytes for item in mine) / 1e6
            yield f"{did} {len(mine)} x {kind}, {size:,.1f} MB"
        if not self.items:
            yield "nothing to remove"
        if self.unknown:
            yield f"{self.unknown} folders that the ledger does not know were left"


def look(days: int, *, at: datetime | None = None) -> Found:
    """Find what is older than so many days and no longer needed; remove nothing.

    Raises:
        ParamsError: there is no ledger here that could say what is needed.
        ServiceError: it does not answer.
    """
    if not read_level().is_current:
        raise ParamsError(
            "there is no ledger of this version here, so nobody knows what is still "
            "needed; run it in the project's folder, with CXR_LEDGER_URL of the nights"
        )
    before = (at or datetime.now(UTC)) - timedelta(days=days)
    engine = open_database()
    finished = finished_chunks(engine, before.isoformat(timespec="milliseconds"))
    known = known_chunks(engine)
    folders = [
        f for place in RESULTS for f in sorted(place.glob("[!.]*")) if f.is_dir()
    ]
    items = [
        Item("results", folder, _size(folder))
        for folder in folders
        if folder.name in finished and _is_old(folder, before)
    ]
    items += _notes(open_chunks(engine), before)
    items += _bundles(before)
    engine.dispose()
    unknown = sum(folder.name not in known for folder in folders)
    return Found(tuple(items), unknown)


def remove(found: Found) -> None:
    """Remove what was found; each item is gone as a whole or not at all."""
    for item in found.items:
        if item.path.is_dir():
            gone = item.path.with_name(f".{item.path.name}.{os.getpid()}.part")
            item.path.replace(gone)
            shutil.rmtree(gone)
        else:
            item.path.unlink(missing_ok=True)
    size = sum(item.bytes for item in found.items) / 1e6
    log.info("clean up: %d files and folders, %.1f MB", len(found.items), size)


def _notes(needed: set[str], before: datetime) -> Iterator[Item]:
    for path in sorted(RESULTS[0].glob(NOTES)):
        if path.name.partition(".")[0] not in needed and _is_old(path, before):
            yield Item("error notes", path, path.stat().st_size)


def _bundles(before: datetime) -> Iterator[Item]:
    """Name fetched bundles but the one in use, the one before, and the challenger."""
    rows = approval_log.entries()
    changes = [row.bundle_hash for row in rows if row.event in approval_log.CHANGES]
    kept = [*list(dict.fromkeys(reversed(changes)))[:2], challenger_of(rows)]
    for folder in sorted(MODELS.glob("[!.]*")) if MODELS.is_dir() else ():
        if folder.name not in kept and _is_old(folder, before):
            yield Item("fetched bundles", folder, _size(folder))


def _is_old(path: Path, before: datetime) -> bool:
    newest = max(
        one.stat().st_mtime for one in (path, *path.rglob("*")) if one.exists()
    )
    return newest < before.timestamp()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
