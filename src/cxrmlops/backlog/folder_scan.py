"""What lies in the backlog folder, and which study it belongs to."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from sqlalchemy import Connection, Engine, Executable, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cxrmlops.backlog.database import ENTRY_LOCK, lock, transaction
from cxrmlops.backlog.schema import images
from cxrmlops.data.backlog_image import UNREADABLE, image_identity
from cxrmlops.data.image_list import ListedImage, list_images
from cxrmlops.system.errors import ParamsError
from cxrmlops.system.files import sha256_json
from cxrmlops.system.workers import map_isolated, worker_count

DAY_SECONDS = 86_400.0
NOT_IMAGES = {"DICOMDIR"}  # an index of a medium, by PS3.10
SPOOL = ".cxrmlops-spool"  # below the backlog: see `import_cache.py`
YOUNG = "more films of the study may be on their way"
FUTURE = "a file is dated in the future; it is read when it has lain here long enough"
_BATCH = 500  # values in one query


@dataclass(frozen=True)
class BacklogImage:
    """A file of the backlog, as its header says."""

    place: str  # path below the backlog folder
    bytes: int
    mtime_ns: int
    sop_instance_uid: str  # "" when unreadable
    study_uid: str  # "file:<hash>" when unreadable: a study of its own
    patient_id: str = ""
    content: str = ""  # SHA-256 of the file; "" seen by a version that did not ask
    seen_at: float = 0.0  # when this content was first seen, seconds since 1970


Known = Callable[[Sequence[str]], Mapping[str, BacklogImage]]  # asked by places
_FIELDS = [field.name for field in fields(BacklogImage)]


@dataclass(frozen=True)
class Arrivals:
    """What a look into the backlog folder gave."""

    studies: dict[str, list[BacklogImage]]  # study UID -> its films
    n_files: int
    n_young: int  # studies that wait for late films
    waiting: dict[str, str]  # place of each of their files -> why


def look(
    folder: Path, *, known: Known, settle_minutes: float
) -> tuple[Arrivals, list[BacklogImage]]:
    """List the backlog; read the headers of files that are new or changed only.

    Args:
        folder: the backlog.
        known: gives those of some places that were seen before, see `known_images`.
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
    at = time.time()
    studies: dict[str, list[BacklogImage]] = defaultdict(list)
    files = [file for file in list_images(folder) if _may_be_image(file)]
    before = known([file.path for file in files])
    new = _read(folder, [file for file in files if not _is_known(file, before)], at)
    new += [  # the clock was set back: the time starts anew
        replace(before[file.path], seen_at=at)
        for file in files
        if _is_known(file, before) and before[file.path].seen_at > at
    ]
    images_here = {**before, **{image.place: image for image in new}}
    for file in files:
        image = images_here[file.path]
        studies[image.study_uid].append(image)
    settled = at - 60 * settle_minutes if settle_minutes else float("inf")
    ready: dict[str, list[BacklogImage]] = {}
    waiting: dict[str, str] = {}
    for uid, those in studies.items():
        if all(_is_settled(image, settled, at) for image in those):
            ready[uid] = those
        else:
            future = any(image.mtime_ns > at * 1e9 for image in those)
            waiting |= dict.fromkeys(
                [f.place for f in those], FUTURE if future else YOUNG
            )
    return Arrivals(ready, len(files), len(studies) - len(ready), waiting), new


def _is_settled(image: BacklogImage, settled: float, at: float) -> bool:
    """Return whether a file lay there as it is since `settled` (seconds since 1970).

    Its own date may lie in the future: then the day it was first seen counts. Where
    that lies ahead too the clock was set back since, and the file is old.
    """
    since = min(image.mtime_ns / 1e9, image.seen_at)
    return since <= settled or since > at + DAY_SECONDS


def known_images(engine: Engine, places: Sequence[str]) -> dict[str, BacklogImage]:
    """Return those of some files that were seen before, by their place.

    The table holds every file that ever lay in the backlog, far more than lie there.
    """
    known: dict[str, BacklogImage] = {}
    query = select(*(images.c[name] for name in _FIELDS))
    with transaction(engine) as connection:
        for start in range(0, len(places), _BATCH):
            these = images.c.place.in_(places[start : start + _BATCH])
            for row in connection.execute(query.where(these)):
                known[row.place] = BacklogImage(**row._mapping)
    return known


def note_images(engine: Engine, seen: Iterable[BacklogImage]) -> None:
    """Remember files; one that was changed in place is remembered anew."""
    rows = [asdict(image) for image in seen]
    if not rows:
        return
    with transaction(engine) as connection:
        lock(connection, ENTRY_LOCK)
        connection.execute(_insert_or_replace(connection), rows)


def _insert_or_replace(connection: Connection) -> Executable:
    """Return the statement for many rows; both databases write it alike."""
    insert = postgresql.insert if connection.dialect.name != "sqlite" else sqlite.insert
    statement = insert(images)
    values = {name: statement.excluded[name] for name in _FIELDS if name != "place"}
    return statement.on_conflict_do_update(index_elements=["place"], set_=values)


def note_waiting(engine: Engine, waiting: Mapping[str, str]) -> None:
    """Remember which files wait and why; all others do not wait any more."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for place, reason in waiting.items():
        by_reason[reason].append(place)
    with transaction(engine) as connection:
        lock(connection, ENTRY_LOCK)
        told = images.c.waits != ""
        connection.execute(update(images).where(told).values(waits=""))
        for reason, places in by_reason.items():
            for start in range(0, len(places), _BATCH):
                these = images.c.place.in_(places[start : start + _BATCH])
                connection.execute(update(images).where(these).values(waits=reason))


def files_waiting(engine: Engine) -> dict[str, tuple[int, int]]:
    """Count studies and files that lie in the backlog and wait, by reason."""
    n_studies, n_files = func.count(images.c.study_uid.distinct()), func.count()
    query = select(images.c.waits, n_studies, n_files).where(images.c.waits != "")
    with transaction(engine) as connection:
        rows = connection.execute(query.group_by(images.c.waits))
        return {reason: (studies, files) for reason, studies, files in rows}


def _may_be_image(file: ListedImage) -> bool:
    *folders, name = file.path.split("/")
    if folders and folders[0] == SPOOL:
        folders = folders[1:]
    on_its_way = any(part.startswith(".") for part in (*folders, name))
    return name not in NOT_IMAGES and not on_its_way


def _is_known(file: ListedImage, known: Mapping[str, BacklogImage]) -> bool:
    image = known.get(file.path)
    return image is not None and (image.bytes, image.mtime_ns) == (
        file.bytes,
        file.mtime_ns,
    )


def _read(folder: Path, files: Sequence[ListedImage], at: float) -> list[BacklogImage]:
    """Read headers in worker processes: a hostile one costs its worker."""
    if not files:
        return []  # no process is started for nothing
    workers = worker_count()
    paths = [(folder / file.path).absolute() for file in files]
    read = map_isolated(image_identity, paths, workers=workers, ahead=8 * workers)
    return [
        as_image(file, done.output or (*UNREADABLE, ""), at)
        for file, done in zip(files, read, strict=True)
    ]


def as_image(
    file: ListedImage, read: tuple[str, str, str, str], at: float
) -> BacklogImage:
    """Join what the file system and `image_identity` tell of a file, seen `at`."""
    sop_uid, study_uid, patient_id, content = read
    own = f"file:{sha256_json([file.path, file.bytes])[:16]}"  # an answer for each file
    study = study_uid or own
    return BacklogImage(
        file.path, file.bytes, file.mtime_ns, sop_uid, study, patient_id, content, at
    )
