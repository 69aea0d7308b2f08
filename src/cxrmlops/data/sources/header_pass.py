"""
Headers of many DICOM files: parallel, resumable, without pixels.

Finished rows are appended to a file in the work folder, keyed by a hash of path, size
and modification time. They hold pseudonyms only.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.sources.rows import SourceInput, image_row, loosely
from cxrmlops.dicom.read.acceptance import accept
from cxrmlops.dicom.read.headers import ImageHeader, describe, read_header
from cxrmlops.dicom.read.source import Limits
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import Rejected
from cxrmlops.system.files import disk_space, read_journal
from cxrmlops.system.workers import map_isolated, worker_count

log = logging.getLogger(__name__)

CHUNK = 100  # files per task: what a kill can cost, times the processes
FEW = 200  # files that one process reads sooner than others start

Row = dict[str, Any]


def read_headers(files: Sequence[ListedImage], reading: SourceInput) -> list[Row]:
    """Describe every file, accepted or rejected with its reason, in the given order."""
    reading.work.mkdir(parents=True, exist_ok=True)
    journal = reading.work / "headers.jsonl"
    rows: dict[str, Row] = dict(read_journal(journal))
    todo = [file for file in files if _key(file) not in rows]
    if len(todo) < len(files):
        log.info("cohort: %d headers are there from before", len(files) - len(todo))
    with disk_space(journal), journal.open("a", encoding="utf-8") as lines:
        timer = ProgressTimer()
        for done in _read_all(todo, reading):
            rows |= done
            lines.writelines(json.dumps(item) + "\n" for item in done.items())
            lines.flush()
            if timer.due():
                lost = sum(1 for row in rows.values() if row["rejected"])
                words = "cohort: %d of %d headers read, %d rejected so far"
                log.info(words, len(rows), len(files), lost)
    return [rows[_key(file)] | _place(file) for file in files]


def _read_all(
    files: Sequence[ListedImage], reading: SourceInput
) -> Iterator[dict[str, Row]]:
    """Read in chunks; a chunk that costs its process is read again file by file."""
    workers = worker_count() if len(files) > FEW else 0
    chunks = (files[at : at + CHUNK] for at in range(0, len(files), CHUNK))
    read = partial(_read_chunk, reading=reading)
    for chunk in map_isolated(read, chunks, workers=workers, ahead=4 * workers):
        if chunk.output is not None:
            yield chunk.output
            continue
        singles = [[file] for file in chunk.input]
        for one in map_isolated(read, singles, workers=workers, ahead=workers):
            yield one.output or {_key(one.input[0]): _lost(one.input[0], reading)}


def _read_chunk(files: Sequence[ListedImage], reading: SourceInput) -> dict[str, Row]:
    # the path may name a patient: the journal goes without
    return {_key(file): _read_one(file, reading) | {"path": ""} for file in files}


def _read_one(file: ListedImage, reading: SourceInput) -> Row:
    known: Row = {"image_id": reading.namer.name("file", file.path)}
    try:
        limits = Limits.of(reading.scope)
        dataset = read_header(reading.images / file.path, limits=limits)
        header = describe(dataset)
        known |= _known(header, reading)
        accept(
            dataset,
            chest_words=reading.scope.chest_words,
            min_age_years=reading.scope.min_age_years,
            header=header,
        )
    except Rejected as rejected:
        known |= {"rejected": rejected.reason, "detail": rejected.detail}
    return image_row(file, **known)


def _known(header: ImageHeader, reading: SourceInput) -> Row:
    name = reading.namer.name
    named = {
        "study_id": name("study", header.study_instance_uid),
        "accession_id": name("accession", header.accession_number),
        "patient_id": name("patient", header.issuer_of_patient_id, header.patient_id),
        "number_id": name("number", header.patient_id),
        "loose_number_id": name("loose number", loosely(header.patient_id)),
        "has_issuer": bool(header.issuer_of_patient_id.strip()),
        "study_date": f"{header.study_date:%Y%m%d}" if header.study_date else "",
        "view": header.view,
        "portable": header.portable,
        "sex": header.sex,
        "age_years": header.age_years,
        "manufacturer": header.manufacturer,
    }
    image_id = name("image", header.sop_instance_uid)
    return named | {"image_id": image_id} if image_id else named


def _key(file: ListedImage) -> str:
    text = f"{file.path}\0{file.bytes}\0{file.mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _lost(file: ListedImage, reading: SourceInput) -> Row:
    image_id = reading.namer.name("file", file.path)
    detail = "reading its header ended the process"
    return image_row(file, image_id=image_id, rejected="unreadable", detail=detail)


def _place(file: ListedImage) -> Row:
    return {"path": file.path, "bytes": file.bytes, "mtime_ns": file.mtime_ns}
