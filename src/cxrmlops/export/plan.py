"""Which files an export asks for, and what is known of each before it is read."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cxrmlops.data.backlog_image import image_identity, list_backlog
from cxrmlops.export.journal import Journal
from cxrmlops.export.one_file import COPY, EXPORTED, REFUSED, FileDone

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """A file of the studies asked for; UIDs and number are "" where it has none."""

    path: Path  # as shown, see `image_list.to_open`
    sop_instance_uid: str
    study_instance_uid: str
    patient_id: str
    content: str  # SHA-256; "" of a file that cannot be read


def asked_for(films: Path, out: Path, studies: Collection[str] | None) -> list[Asked]:
    """List the files of some studies, a study after the other.

    Files that name no study are of none: they are counted in the log, and listed where
    all studies are asked for.

    Raises:
        DataError: there is nothing at that place.
    """
    found = [
        Asked(path, *image_identity(path)) for path in list_backlog(films, skip=[out])
    ]
    if studies is None:
        return sorted(found, key=_study)
    if unnamed := sum(not one.study_instance_uid for one in found):
        log.warning("export: %d files name no study and are left out", unnamed)
    return sorted(
        (one for one in found if one.study_instance_uid in studies), key=_study
    )


def decided(asked: list[Asked], journal: Journal) -> list[FileDone | None]:
    """Say what needs no reading: None is a film to export.

    A UID stands for one content, that of the film that is exported, else of the first.
    """
    contents = {uid: entry.content for uid, entry in journal.entries.items()}
    seen: set[str] = set()
    found: list[FileDone | None] = []
    for one in asked:
        uid = one.sop_instance_uid
        if not uid:
            found.append(None)
        elif contents.setdefault(uid, one.content) != one.content:
            why = "another file has its SOP Instance UID; find out which is right"
            found.append(FileDone(REFUSED, why=why))
        elif uid in seen:
            found.append(FileDone(COPY, why="the same file again"))
        else:
            seen.add(uid)
            found.append(_in_place(uid, journal))
    return found


def _in_place(uid: str, journal: Journal) -> FileDone | None:
    entry = journal.entries.get(uid)
    if entry is None or not journal.is_in_place(entry):
        return None
    return FileDone(EXPORTED, entry.file, entry.sha256, patient=entry.patient)


def _study(one: Asked) -> str:
    return one.study_instance_uid
