"""Films of studies -> a folder that may leave, and one that stays; resumable."""

import csv
import logging
from collections.abc import Collection, Iterator
from pathlib import Path

from cxrmlops.backlog.audit import READ, Event, record
from cxrmlops.data.backlog_image import image_identity, list_backlog
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.export.one_file import (
    EXPORTED,
    FILM,
    HELD,
    REFUSED,
    FileDone,
    FileJob,
    export_file,
)
from cxrmlops.records.export import (
    ExportCounts,
    ExportedFile,
    ExportIdentity,
    ExportManifest,
)
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import only_run, remove_drafts, whole
from cxrmlops.system.workers import map_isolated, worker_count

log = logging.getLogger(__name__)

POLICY = 1  # raise it when rules or pixels change: a folder holds one policy
_EXPORT = "110106"  # DICOM audit: Export
_OPTIONS = ("113100", "113107", "113108")


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
        out: to_send/ below it may leave, stays_here/ names files of the site.
        names: pseudonyms of the recipient.
        recipient: as a person calls them.
        studies: Study Instance UIDs; None takes all.
        cleared: exported SOP Instance UIDs that a person looked at.

    Raises:
        DataError: no film, or `out` is another recipient's.
    """
    send, stays = out / "to_send", out / "stays_here"
    with only_run("export"):
        _claim(stays / "export.json", names, recipient)
        remove_drafts(out)
        asked = list(_asked(films, out, studies))
        record(
            [
                Event(
                    _EXPORT,
                    READ,
                    source=str(films),
                    destination=recipient,
                    study_uid=uid,
                    instances=n,
                )
                for uid, n in _by_study(asked)
            ]
        )
        jobs = [
            FileJob(path, FILM, names, send, stays, frozenset(cleared))
            for path, _ in asked
        ]
        done = list(_export_all(jobs))
        return _write(send, stays, jobs, done, names, recipient)


def _claim(path: Path, names: Pseudonyms, recipient: str) -> None:
    mine = ExportIdentity(
        recipient=recipient, key_fingerprint=names.fingerprint, policy=POLICY
    )
    if path.exists() and ExportIdentity.read(path) != mine:
        raise DataError(
            f"{path.parent.parent} holds an export for another recipient, key or "
            "version; name another folder"
        )
    mine.write(path, private=True)


def _asked(
    films: Path, out: Path, studies: Collection[str] | None
) -> Iterator[tuple[Path, str]]:
    for path in list_backlog(films, skip=[out]):
        uid = image_identity(path)[1]
        if studies is None or uid in studies:
            yield path, uid


def _by_study(asked: list[tuple[Path, str]]) -> list[tuple[str, int]]:
    uids = [uid for _, uid in asked]
    return [(uid, uids.count(uid)) for uid in dict.fromkeys(uids)]


def _export_all(jobs: list[FileJob]) -> Iterator[FileDone]:
    timer, workers = ProgressTimer(), worker_count()
    found = map_isolated(export_file, jobs, workers=workers, ahead=2 * workers + 1)
    for number, one in enumerate(found, start=1):
        if timer.due():
            log.info("export: %d of %d files", number, len(jobs))
        yield one.output or FileDone(REFUSED, why="reading it ended the process")


def _write(  # noqa: PLR0913
    send: Path,
    stays: Path,
    jobs: list[FileJob],
    done: list[FileDone],
    names: Pseudonyms,
    recipient: str,
) -> ExportCounts:
    gone = [one for one in done if one.outcome == EXPORTED]
    files = {one.file: one for one in gone}
    outcomes = [one.outcome for one in done]
    counts = ExportCounts(
        asked=len(jobs),
        exported=len(files),
        copies=len(gone) - len(files),
        held=outcomes.count(HELD),
        refused=outcomes.count(REFUSED),
        studies=len({file.partition("/")[0] for file in files}),
        patients=len({one.patient for one in files.values()}),
    )
    listed = tuple(
        ExportedFile(file=file, kind=FILM, sha256=files[file].sha256)
        for file in sorted(files)
    )
    ExportManifest(
        recipient=recipient,
        key_fingerprint=names.fingerprint,
        policy=POLICY,
        profile=_OPTIONS,
        text_reader="rapidocr",
        counts=counts,
        files=listed,
    ).write(send / "manifest.json")
    with (
        whole(stays / "not_exported.csv", private=True) as draft,
        draft.open("w", newline="", encoding="utf-8") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(["outcome", "file", "why", "exported_uid", "picture", "words"])
        for job, one in zip(jobs, done, strict=True):
            if one.outcome != EXPORTED:
                words = " | ".join(word.text for word in one.words)
                rows.writerow(
                    [
                        one.outcome,
                        job.path,
                        one.why,
                        Path(one.file).stem,
                        one.picture,
                        words,
                    ]
                )
    return counts
