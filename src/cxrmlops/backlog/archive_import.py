"""
What an archive has for us: asked every night, fetched in portions into the spool.

The question overlaps (films arrive late), so most of what is found is known. A study is
fetched when one of its films is not answered yet, and then whole: the new report speaks
of all its films. What an archive tells is judged by the code that judges files; what it
leaves open is judged again by the header of the file that came.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from cxrmlops.backlog import import_cache
from cxrmlops.backlog.folder_scan import BacklogImage, as_image
from cxrmlops.data.image_list import ListedImage
from cxrmlops.dicom.archive.selection import newest_moment, out_of_scope
from cxrmlops.dicom.archive.transfer import MODALITIES, Archive, RemoteImage, name_of
from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.headers import DicomFile
from cxrmlops.dicom.read.source import opened
from cxrmlops.system.errors import AccessError, RefusedError, Rejected, ServiceError
from cxrmlops.vocabulary.scope import Scope

GIVE_UP = 10  # studies in a row that the archive does not give: then it is down
FETCHED, KNOWN = "fetched", "known"


@dataclass(frozen=True)
class ArchiveQuery:
    """What we want of an archive."""

    first: date  # study date, included
    last: date
    scope: Scope
    time_zone: str  # IANA name, of times without an offset
    model_key: str | None = None  # answers that count; None: of any model


class Incoming:
    """One night's question to an archive, and how far it is answered."""

    def __init__(
        self, archive: Archive, wishes: ArchiveQuery, *, engine: Engine, backlog: Path
    ) -> None:
        self._archive, self._wishes = archive, wishes
        self._engine, self._backlog = engine, backlog
        self._studies: deque[str] = deque()
        self.images: Counter[str] = Counter()  # by what became of them
        self.troubles: Counter[str] = Counter()  # sentence -> studies

    @property
    def is_done(self) -> bool:
        """Return whether no study is left to look at."""
        return not self._studies

    def ask(self) -> int:
        """Ask which studies there are; say how many.

        Raises:
            ServiceError, AccessError: as the archive does.
        """
        wishes = self._wishes
        found = {
            uid
            for modality in MODALITIES
            for uid in self._archive.find_studies(modality, wishes.first, wishes.last)
        }
        self._studies = deque(sorted(found))
        import_cache.say_what_was_left(self._engine, self._backlog)
        return len(found)

    def fetch(self, at_most: int) -> int:
        """Fetch what is new, up to so many studies; say how many came.

        A study that the archive does not give does not stop the others: it is told in
        `troubles`, and asked for again in the next run.

        Raises:
            ResourceError: the disk is full.
        """
        came = failed = 0
        while self._studies and came < at_most:
            uid = self._studies.popleft()
            try:
                came += self._study(uid)
                failed = 0
            except (ServiceError, RefusedError, AccessError) as error:
                self.troubles[str(error)] += 1
                failed = GIVE_UP if isinstance(error, AccessError) else failed + 1
                if failed >= GIVE_UP:
                    self.troubles[str(error)] += len(self._studies)
                    self._studies.clear()
        return came

    def _study(self, uid: str) -> bool:
        wanted = self._wanted(self._archive.find_images(uid))
        if not wanted:
            return False
        import_cache.prepare(self._backlog)
        at = f"{import_cache.FOLDER}/{name_of(uid)}"
        with import_cache.arriving(self._backlog / at) as draft:
            came = [self._fetch(image, draft) for image in wanted]
            arrived = [one for one in came if one]
            import_cache.note_fetched(self._engine, arrived)
            return bool(arrived)

    def _wanted(self, images: Sequence[RemoteImage]) -> list[RemoteImage]:
        """Choose the films of a study to fetch: all that are for us, or none."""
        chosen = {}
        for image in images:
            if reason := self._why_not(image):
                self.images[reason] += 1
            else:
                chosen[_place(image)] = image
        passed = import_cache.passed_over(self._engine, chosen)
        left = chosen.keys() - passed
        done = import_cache.answered(
            self._engine, left, model_key=self._wishes.model_key
        )
        lie_here = all((self._backlog / place).exists() for place in left)
        is_known = lie_here or left <= done
        if known := len(chosen if is_known else passed):
            self.images[KNOWN] += known
        return [] if is_known else [chosen[place] for place in sorted(left)]

    def _why_not(self, image: RemoteImage) -> str:
        return out_of_scope(
            image.header,
            scope=self._wishes.scope,
            is_complete=image.is_complete,
        )

    def _fetch(self, image: RemoteImage, folder: Path) -> BacklogImage | None:
        """Fetch a film, and let it stay if its own header says the same of it."""
        file = folder / image.file_name
        try:
            self._archive.fetch(image, file, max_bytes=self._wishes.scope.max_bytes)
            header, content = _read(file, image)
        except Rejected as rejected:
            file.unlink(missing_ok=True)
            self._pass_over(image, rejected.reason)
            return None
        image = replace(image, header=header, is_complete=True)
        if reason := self._why_not(image):
            file.unlink()
            self._pass_over(image, reason)
            return None
        self.images[FETCHED] += 1
        self._set_age(file, header)
        state = file.stat()
        there = ListedImage(_place(image), state.st_size, state.st_mtime_ns)
        named = ("SOPInstanceUID", "StudyInstanceUID", "PatientID")
        sop, study, patient = (text(header, name) for name in named)
        return as_image(there, (sop, study, patient, content), time.time())

    def _set_age(self, file: Path, header: Any) -> None:
        """Let a film be as old as it is: settle_minutes is about late films."""
        moment = newest_moment(header, time_zone=self._wishes.time_zone)
        at = min(moment.timestamp() if moment else 0.0, time.time())
        os.utime(file, (at, at))

    def _pass_over(self, image: RemoteImage, reason: str) -> None:
        self.images[reason] += 1
        import_cache.pass_over(self._engine, _place(image), reason)


def _read(file: Path, image: RemoteImage) -> tuple[Any, str]:
    """Read a film's header and content, and see whether it is what we asked for.

    Raises:
        Rejected: it is larger than what we read; another try gives the same.
        ServiceError: it is something else.
    """
    try:
        with opened(file) as source:
            content = source.content()
            header = DicomFile(source).header
    except Rejected as rejected:
        if rejected.reason == "too_large":
            raise
        header = None
    if header is None or text(header, "SOPInstanceUID") != image.sop_uid:
        raise ServiceError(
            "the archive sent something that is not the film it was asked for; "
            "nothing is lost, run again"
        )
    return header, content


def _place(image: RemoteImage) -> str:
    """Name where a film will lie, below the backlog folder."""
    return f"{import_cache.FOLDER}/{name_of(image.study_uid)}/{image.file_name}"
