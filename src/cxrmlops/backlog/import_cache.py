"""
Films that were fetched from an archive: where they lie until they are answered.

The spool is a folder of our own below the backlog; a marker in it says that we made it.
A study's films appear there together, or not at all, and go when no study on the ledger
needs them any more. What is removed we have fetched: its name and its content are on
the ledger. Nothing else is ever removed, wherever it lies.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, select

from cxrmlops.backlog.challenges import needed_places
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.folder_scan import SPOOL, BacklogImage, note_images
from cxrmlops.backlog.ledger import (
    CLAIMED,
    FAILED,
    FOUND,
    SCORED,
    WITHDRAWN,
    WRITTEN,
)
from cxrmlops.backlog.schema import fetched, images, studies
from cxrmlops.dicom.archive.transfer import name_of
from cxrmlops.system.errors import ParamsError
from cxrmlops.system.files import disk_space, make_folder, sha256_file

FOLDER = SPOOL  # below the backlog
MARKER = ".made-by-cxrmlops"
_BEFORE = "archive"  # where earlier versions put films, among a site's own
NEEDED = (FOUND, CLAIMED, SCORED, WRITTEN, FAILED)  # states in which films are read
_PASSED_OVER = "passed over"
_BATCH = 500  # values in one query

log = logging.getLogger(__name__)


def prepare(backlog: Path) -> None:
    """Make the spool if there is none.

    Raises:
        ParamsError: somebody else made a folder of that name.
    """
    at = backlog / FOLDER
    if at.is_dir() and not _is_ours(at) and any(at.iterdir()):
        raise ParamsError(
            f"{at} holds something that cxrmlops did not put there; move it elsewhere: "
            "films from the archive are kept in a folder of that name"
        )
    with disk_space(at):
        make_folder(at, private=True)
        (at / MARKER).touch()


def _is_ours(at: Path) -> bool:
    return (at / MARKER).is_file()


def answered(
    engine: Engine, places: Iterable[str], *, model_key: str | None = None
) -> set[str]:
    """Return those of the places whose films are answered and not asked for again.

    Args:
        engine: the ledger's database.
        places: of films, below the backlog folder.
        model_key: None: answered by any model.
    """
    wanted = sorted(places)
    before = {_BEFORE + place.removeprefix(FOLDER): place for place in wanted}
    done: set[str] = set()
    for row in _studies_of(engine, [*wanted, *before]):
        ours = model_key in (None, row.model_key)
        if ours and row.state not in (*NEEDED, WITHDRAWN):
            done |= {before.get(place, place) for place in row.images}
    return done & set(wanted)


def note_fetched(engine: Engine, those: Sequence[BacklogImage]) -> None:
    """Remember films that are about to appear in the spool; none is read again to know.

    Args:
        engine: the ledger's database.
        those: by the places where they will lie.
    """
    note_images(engine, those)
    with transaction(engine) as connection:
        for image in those:
            mine = fetched.c.place == image.place
            connection.execute(delete(fetched).where(mine))
            row = {"place": image.place, "content": image.content}
            connection.execute(insert(fetched).values(row))


def pass_over(engine: Engine, place: str, reason: str) -> None:
    """Remember a film that was looked at and is not for us: it is not fetched again."""
    note_images(engine, [BacklogImage(place, 0, 0, "", f"{_PASSED_OVER}: {reason}")])


def passed_over(engine: Engine, places: Iterable[str]) -> set[str]:
    """Return those of the places whose films were passed over before."""
    ours = images.c.place.in_(sorted(places))
    passed = images.c.study_uid.startswith(_PASSED_OVER)
    query = select(images.c.place).where(ours & passed)
    with transaction(engine) as connection:
        return set(connection.execute(query).scalars())


def clear(engine: Engine, backlog: Path) -> int:
    """Remove the fetched films of studies that are answered; say how many.

    A study goes as a whole: while one of its films waits, the next answer needs all.
    What a challenger has yet to read stays, too.
    """
    if not _is_ours(backlog / FOLDER):
        return 0
    lying: dict[Path, set[str]] = {}
    for path in (backlog / FOLDER).glob("[!.]*/*.dcm"):
        place = path.relative_to(backlog).as_posix()
        lying.setdefault(path.parent, set()).add(place)
    done, needed = set[str](), needed_places(engine)
    for row in _studies_of(engine, sorted(set().union(*lying.values()))):
        if row.state in NEEDED:
            needed |= set(row.images)
        elif row.state != WITHDRAWN:
            done |= set(row.images)
    gone = set().union(*(those for those in lying.values() if those <= done - needed))
    _remove_drafts(backlog / FOLDER)
    return _remove(engine, backlog, sorted(gone))


def _remove(engine: Engine, backlog: Path, places: list[str]) -> int:
    """Remove those of the films that are, byte for byte, what we fetched."""
    removed = []
    for start in range(0, len(places), _BATCH):
        these = fetched.c.place.in_(places[start : start + _BATCH])
        with transaction(engine) as connection:
            rows = connection.execute(select(fetched).where(these)).all()
        for place, content in rows:
            image = backlog / place
            if sha256_file(image) == content:
                image.unlink()
                removed.append(place)
                with suppress(OSError):  # something else lies there
                    image.parent.rmdir()
    with transaction(engine) as connection:
        for place in removed:
            connection.execute(delete(fetched).where(fetched.c.place == place))
    return len(removed)


def _remove_drafts(spool: Path) -> None:
    """Remove what a killed run had begun to fetch, after a day."""
    yesterday = time.time() - 86_400
    for draft in list(spool.glob(".*.part")):
        if draft.stat().st_mtime < yesterday:
            shutil.rmtree(draft)


def say_what_was_left(engine: Engine, backlog: Path) -> int:
    """Tell of films that an earlier version fetched; they are left alone.

    Returns:
        How many lie there.
    """
    old = images.c.place.startswith(f"{_BEFORE}/")
    with transaction(engine) as connection:
        query = select(images.c.place, images.c.study_uid).where(old)
        rows = connection.execute(query).all()
    lying = sum(
        place.split("/")[1] == name_of(study) and (backlog / place).exists()
        for place, study in rows
    )
    if lying:
        log.warning(
            "%d films that an earlier version fetched lie in %s; nothing there is "
            "removed any more, do so by hand when they are answered",
            lying,
            backlog / _BEFORE,
        )
    return lying


@contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Return an empty folder for a study's films; they appear in `folder` together.

    Raises:
        ResourceError: the disk is full; nothing is left behind.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")  # no film in it
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with disk_space(folder):
            make_folder(draft, private=True)
            yield draft
            if folder.exists():  # its films wait or are being read: add to them
                for image in sorted(draft.iterdir()):
                    image.replace(folder / image.name)
            elif any(draft.iterdir()):
                draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _studies_of(engine: Engine, places: list[str]) -> Iterator[Row[Any]]:
    """Yield every row of the ledger about the studies that these films belong to."""
    for start in range(0, len(places), _BATCH):
        these = places[start : start + _BATCH]
        mine = select(images.c.study_uid).where(images.c.place.in_(these))
        query = select(studies.c.images, studies.c.state, studies.c.model_key)
        with transaction(engine) as connection:
            rows = connection.execute(query.where(studies.c.study_uid.in_(mine))).all()
        yield from rows
