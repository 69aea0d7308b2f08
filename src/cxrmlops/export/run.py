"""Films of studies -> a folder that may leave, and one that stays; resumable."""

import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from cxrmlops.backlog import audit
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.export.burned_in_text import reader_version
from cxrmlops.export.folders import SEND, STAYS, claim, write_lists
from cxrmlops.export.journal import Entry, Journal
from cxrmlops.export.one_file import (
    COPY,
    EXPORTED,
    HELD,
    REFUSED,
    FileDone,
    FileJob,
    export_film,
)
from cxrmlops.export.plan import Asked, asked_for, decided
from cxrmlops.records.export import ExportCounts
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.files import only_run, remove_drafts
from cxrmlops.system.workers import WorkerLimits, map_isolated, worker_count

log = logging.getLogger(__name__)

_EXPORT = "110106"  # Export (PS3.16 CID 400)
_LIMITS = WorkerLimits(seconds=300)  # a large film is read for words in tiles, twice


def export(
    films: Path,
    out: Path,
    names: Pseudonyms,
    *,
    recipient: str,
    studies: Collection[str] | None,
    cleared: Collection[str] = (),
) -> ExportCounts:
    """Export the films of some studies; what is there already is left as it is.

    Args:
        films: file or folder.
        out: to_send/ below it may leave, stays_here/ names films of the site.
        names: pseudonyms of the recipient.
        recipient: as a person calls them.
        studies: Study Instance UIDs; None takes all.
        cleared: exported SOP Instance UIDs of held films that a person looked at.

    Raises:
        DataError: no film, or `out` is another recipient's or no export.
        ResourceError: the reader of words is not installed, the disk is full, or
            another export writes there.
    """
    version = reader_version()
    claim(out, names.fingerprint, recipient)
    with only_run("export", folder=out / STAYS):
        for folder in (out / SEND, out / STAYS):
            remove_drafts(folder)
        journal = Journal(out / STAYS / "journal.jsonl", out / SEND)
        asked = asked_for(films, out, studies)
        draft = FileJob(films, "", names, out / SEND, out / STAYS, frozenset(cleared))
        done: list[FileDone] = []
        outcomes = _outcomes(asked, journal, draft)
        for _, study in groupby(outcomes, key=lambda pair: pair[0].study_instance_uid):
            pairs = list(study)
            events = _events(pairs, films, recipient)
            audit.record(events, place=audit_place(out))
            done += [one for _, one in pairs]
        write_lists(out, journal, asked, done, text_reader=version)
        return _counts(done)


def audit_place(out: Path) -> Path:
    """Name the audit stream: the site's; beside the export where no site is set up."""
    named = os.environ.get("CXR_AUDIT") or os.environ.get("CXR_LEDGER_URL")
    if named or Path("site.yaml").exists():
        return audit.audit_file()
    return out / STAYS / "audit.jsonl"


def _outcomes(
    asked: list[Asked], journal: Journal, draft: FileJob
) -> Iterator[tuple[Asked, FileDone]]:
    """Yield what became of each file, noted in the journal, in their order."""
    known = decided(asked, journal)
    todo = [one for one, is_known in zip(asked, known, strict=True) if not is_known]
    jobs = (_job(one, draft) for one in todo)
    workers, timer = worker_count(), ProgressTimer()
    results = map_isolated(
        export_film, jobs, workers=workers, ahead=2 * workers + 1, limits=_LIMITS
    )
    for number, (one, found) in enumerate(zip(asked, known, strict=True), start=1):
        if timer.due():
            log.info("export: %d of %d files", number, len(asked))
        if found is None:
            found = next(results).output or FileDone(
                REFUSED, why="reading it ended the process, or took too long"
            )
            _note(one, found, journal, draft.look)
        yield one, found


def _job(one: Asked, draft: FileJob) -> FileJob:
    return replace(draft, path=one.path, content=one.content)


def _note(one: Asked, done: FileDone, journal: Journal, look: Path) -> None:
    if done.outcome != EXPORTED:
        return
    journal.add(
        Entry(one.sop_instance_uid, one.content, done.file, done.sha256, done.patient)
    )
    (look / f"{Path(done.file).stem}.png").unlink(missing_ok=True)  # it was held


def _events(
    study: list[tuple[Asked, FileDone]], films: Path, recipient: str
) -> list[audit.Event]:
    """Say that films of a study are where they may leave, and whether all of them."""
    first = study[0][0]
    if not first.study_instance_uid:  # files that name no study
        return []
    outcomes = [done.outcome for _, done in study]
    n_there = outcomes.count(EXPORTED)
    is_whole = n_there + outcomes.count(COPY) == len(outcomes)
    partly = audit.MINOR if n_there else audit.SERIOUS
    event = audit.Event(
        _EXPORT,
        audit.READ,
        outcome=audit.SUCCESS if is_whole else partly,
        source=str(films),
        destination=recipient,
        study_uid=first.study_instance_uid,
        patient_id=first.patient_id,
        instances=n_there,
    )
    return [event]


def _counts(done: list[FileDone]) -> ExportCounts:
    outcomes = [one.outcome for one in done]
    there = [one for one in done if one.outcome == EXPORTED]
    return ExportCounts(
        asked=len(done),
        exported=len(there),
        copies=outcomes.count(COPY),
        held=outcomes.count(HELD),
        refused=outcomes.count(REFUSED),
        studies=len({one.file.partition("/")[0] for one in there}),
        patients=len({one.patient for one in there}),
    )
