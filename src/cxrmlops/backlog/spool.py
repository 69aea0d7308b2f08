"""
Films that were fetched from an archive: where they lie until they are answered.

The spool is a part of the backlog folder. A study's films appear there together, or not
at all, and go when no study on the ledger needs them any more.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, select

from cxrmlops.backlog.arrivals import Film, note_films
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.ledger import (
    CLAIMED,
    FAILED,
    FOUND,
    SCORED,
    WITHDRAWN,
    WRITTEN,
)
from cxrmlops.backlog.schema import films, studies
from cxrmlops.files import disk_space

FOLDER = "archive"  # below the backlog
NEEDED = (FOUND, CLAIMED, SCORED, WRITTEN, FAILED)  # states in which films are read
_PASSED_OVER = "passed over"
_BATCH = 500  # values in one query


def answered(
    engine: Engine, places: Iterable[str], *, model_key: str | None = None
) -> set[str]:
    """Give those of the places whose films are answered and not asked for again.

    Args:
        engine: the ledger's database.
        places: of films, below the backlog folder.
        model_key: None: answered by any model.
    """
    wanted = sorted(places)
    done: set[str] = set()
    for row in _studies_of(engine, wanted):
        ours = model_key in (None, row.model_key)
        if ours and row.state not in (*NEEDED, WITHDRAWN):
            done |= set(row.films)
    return done & set(wanted)


def pass_over(engine: Engine, place: str, reason: str) -> None:
    """Remember a film that was looked at and is not for us: it is not fetched again."""
    note_films(engine, [Film(place, 0, 0, "", f"{_PASSED_OVER}: {reason}")])


def passed_over(engine: Engine, places: Iterable[str]) -> set[str]:
    """Give those of the places whose films were passed over before."""
    ours = films.c.place.in_(sorted(places))
    passed = films.c.study_uid.startswith(_PASSED_OVER)
    query = select(films.c.place).where(ours & passed)
    with transaction(engine) as connection:
        return set(connection.execute(query).scalars())


def clear(engine: Engine, backlog: Path) -> int:
    """Remove the films of studies that are answered; say how many.

    A study goes as a whole: while one of its films waits, the next answer needs all.
    """
    lying: dict[Path, set[str]] = {}
    for path in (backlog / FOLDER).glob("[!.]*/*.dcm"):
        place = path.relative_to(backlog).as_posix()
        lying.setdefault(path.parent, set()).add(place)
    done, needed = set(), set()
    for row in _studies_of(engine, sorted(set().union(*lying.values()))):
        if row.state in NEEDED:
            needed |= set(row.films)
        elif row.state != WITHDRAWN:
            done |= set(row.films)
    gone = {at: those for at, those in lying.items() if those <= done - needed}
    yesterday = time.time() - 86_400
    left = {  # by a run that was killed
        draft
        for draft in (backlog / FOLDER).glob(".*.part")
        if draft.stat().st_mtime < yesterday
    }
    for folder in gone.keys() | left:
        shutil.rmtree(folder)
    return sum(len(those) for those in gone.values())


@contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Give an empty folder for a study's films; they appear in `folder` together.

    Raises:
        ResourceError: the disk is full; nothing is left behind.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")  # no film in it
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with disk_space(folder):
            draft.mkdir(parents=True)
            yield draft
            if folder.exists():  # its films wait or are being read: add to them
                for film in sorted(draft.iterdir()):
                    film.replace(folder / film.name)
            elif any(draft.iterdir()):
                draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _studies_of(engine: Engine, places: list[str]) -> Iterator[Row[Any]]:
    """Give every row of the ledger about the studies that these films belong to."""
    for start in range(0, len(places), _BATCH):
        these = places[start : start + _BATCH]
        mine = select(films.c.study_uid).where(films.c.place.in_(these))
        query = select(studies.c.films, studies.c.state, studies.c.model_key)
        with transaction(engine) as connection:
            rows = connection.execute(query.where(studies.c.study_uid.in_(mine))).all()
        yield from rows
