"""What lies in the backlog folder, and which study it belongs to."""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, insert, select, update

from cxrmlops.backlog.database import ENTRY_LOCK, lock, transaction
from cxrmlops.backlog.schema import films
from cxrmlops.data.backlog_film import UNREADABLE, film_identity
from cxrmlops.data.fence import fenced, worker_count
from cxrmlops.data.film_list import FilmFile, list_films
from cxrmlops.errors import ParamsError
from cxrmlops.files import sha256_json

DAY_SECONDS = 86_400.0
NOT_FILMS = {"DICOMDIR"}  # an index of a medium, by PS3.10


@dataclass(frozen=True)
class Film:
    """A file of the backlog, as its header says."""

    place: str  # path below the backlog folder
    bytes: int
    mtime_ns: int
    sop_instance_uid: str  # "" when unreadable
    study_uid: str  # "file:<hash>" when unreadable: a study of its own
    patient_id: str = ""


@dataclass(frozen=True)
class Arrivals:
    """What a look into the backlog folder gave."""

    studies: dict[str, list[Film]]  # study UID -> its films
    n_files: int
    n_young: int  # studies that wait for late films


def look(
    folder: Path, *, known: dict[str, Film], settle_minutes: float
) -> tuple[Arrivals, list[Film]]:
    """List the backlog; read the headers of files that are new or changed only.

    Args:
        folder: the backlog.
        known: every file seen before, by its place.
        settle_minutes: studies with a younger film are left for the next run. A film
            whose own time lies in the future is as old as its place in the folder.

    Returns:
        What arrived, and the films that were not known.

    Raises:
        ParamsError: there is no such folder.
    """
    if not folder.is_dir():
        raise ParamsError(
            f"the backlog folder {folder} is missing; make it, or name another one in "
            "site.yaml: backlog"
        )
    studies: dict[str, list[Film]] = defaultdict(list)
    files = [file for file in list_films(folder) if _may_be_film(file)]
    new = _read(folder, [file for file in files if not _is_known(file, known)])
    films_here = known | {film.place: film for film in new}
    for file in files:
        film = films_here[file.path]
        studies[film.study_uid].append(film)
    now = time.time()
    ready = {
        uid: those
        for uid, those in studies.items()
        if settle_minutes == 0
        or all(_age_s(folder, film, now) >= 60 * settle_minutes for film in those)
    }
    return Arrivals(ready, len(files), len(studies) - len(ready)), new


def _age_s(folder: Path, film: Film, now: float) -> float:
    """Give the time since a film came, in seconds.

    A device, or a copy that keeps times, may have written it with a clock that goes
    ahead: then the file system's own time counts (st_ctime), which no copy sets. Where
    that lies a day ahead too the clock was set back since, and the film is old: nobody
    writes it now.
    """
    age = now - film.mtime_ns / 1e9
    if age >= 0:
        return age
    try:
        age = now - (folder / film.place).stat().st_ctime
    except OSError:  # gone, or on its way
        return 0.0
    return math.inf if age < -DAY_SECONDS else age


def known_films(engine: Engine) -> dict[str, Film]:
    """Give every file seen before, by its place."""
    with transaction(engine) as connection:
        rows = connection.execute(select(films))
        return {row.place: Film(**row._mapping) for row in rows}


def note_films(engine: Engine, seen: Iterable[Film]) -> None:
    """Remember files; one that was changed in place is remembered anew."""
    with transaction(engine) as connection:
        lock(connection, ENTRY_LOCK)
        for film in seen:
            values, at = asdict(film), films.c.place == film.place
            if not connection.execute(update(films).where(at).values(values)).rowcount:
                connection.execute(insert(films).values(values))


def _may_be_film(file: FilmFile) -> bool:
    *folders, name = file.path.split("/")
    on_its_way = any(part.startswith(".") for part in (*folders, name))
    return name not in NOT_FILMS and not on_its_way


def _is_known(file: FilmFile, known: dict[str, Film]) -> bool:
    film = known.get(file.path)
    return film is not None and (film.bytes, film.mtime_ns) == (
        file.bytes,
        file.mtime_ns,
    )


def _read(folder: Path, files: Sequence[FilmFile]) -> list[Film]:
    """Read headers in worker processes: a hostile one costs its worker."""
    if not files:
        return []  # no process is started for nothing
    workers = worker_count()
    paths = [(folder / file.path).absolute() for file in files]
    read = fenced(film_identity, paths, workers=workers, ahead=8 * max(workers, 1))
    return [
        _film(file, *(done.output or UNREADABLE))
        for file, done in zip(files, read, strict=True)
    ]


def _film(file: FilmFile, sop_uid: str, study_uid: str, patient_id: str) -> Film:
    own = f"file:{sha256_json([file.path, file.bytes])[:16]}"  # an answer for each file
    return Film(
        file.path, file.bytes, file.mtime_ns, sop_uid, study_uid or own, patient_id
    )
