"""
Headers of many DICOM files: parallel, resumable, without pixels.

Finished rows are appended to a file in the work folder, keyed by a hash of path, size
and modification time. They hold pseudonyms only.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cxrmlops.data.film_list import FilmFile
from cxrmlops.data.sources.rows import Reading, film_row
from cxrmlops.dicom.acceptance import accept
from cxrmlops.dicom.headers import FilmHeader, describe, read_header
from cxrmlops.errors import Rejected, ResourceError

log = logging.getLogger(__name__)

CHUNK = 200  # files per task: what a kill can cost, times the processes
FEW = 400  # files that one process reads sooner than a second one starts
SECONDS_BETWEEN_WORDS = 5.0


@dataclass(frozen=True)
class _Done:
    """Rows already read, by file."""

    path: Path
    rows: dict[str, dict[str, Any]]


def read_headers(
    files: Sequence[FilmFile], reading: Reading
) -> list[dict[str, object]]:
    """Describe every file, accepted or rejected with its reason, in the given order.

    Raises:
        ResourceError: a reading process was killed; finished rows are kept.
    """
    reading.work.mkdir(parents=True, exist_ok=True)
    done = _load(reading.work / "headers.jsonl")
    keys = [_key(file) for file in files]
    todo = [file for file, key in zip(files, keys, strict=True) if key not in done.rows]
    if len(todo) < len(files):
        log.info("cohort: %d headers are there from before", len(files) - len(todo))
    with done.path.open("a", encoding="utf-8") as journal:
        said = time.monotonic()
        for rows in _read_chunks(todo, reading):
            for key, row in rows:
                done.rows[key] = row
                journal.write(json.dumps([key, row]) + "\n")
            journal.flush()
            if time.monotonic() - said > SECONDS_BETWEEN_WORDS:
                said = time.monotonic()
                log.info("cohort: %d of %d headers read", len(done.rows), len(files))
    places = (
        {"path": file.path, "bytes": file.bytes, "mtime_ns": file.mtime_ns}
        for file in files
    )
    return [done.rows[key] | place for key, place in zip(keys, places, strict=True)]


def _read_chunks(
    files: Sequence[FilmFile], reading: Reading
) -> Iterator[list[tuple[str, dict[str, object]]]]:
    chunks = [files[at : at + CHUNK] for at in range(0, len(files), CHUNK)]
    workers = int(os.environ.get("CXR_WORKERS") or os.cpu_count() or 1)
    if workers == 1 or len(files) <= FEW:
        for chunk in chunks:
            yield _read_chunk(chunk, reading)
        return
    # spawn: a fork would copy threads that other libraries may hold
    with ProcessPoolExecutor(
        min(workers, len(chunks)), mp_context=get_context("spawn")
    ) as pool:
        tasks: list[Future[list[tuple[str, dict[str, object]]]]] = [
            pool.submit(_read_chunk, chunk, reading) for chunk in chunks
        ]
        try:
            for task in as_completed(tasks):
                yield task.result()
        except BrokenProcessPool as error:
            raise ResourceError(
                "a process that reads headers was killed, perhaps for lack of memory; "
                "set CXR_WORKERS=1 and run again: finished headers are kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _read_chunk(
    files: Sequence[FilmFile], reading: Reading
) -> list[tuple[str, dict[str, object]]]:
    # the path may name a patient: the journal goes without
    return [(_key(file), _read_one(file, reading) | {"path": ""}) for file in files]


def _read_one(file: FilmFile, reading: Reading) -> dict[str, object]:
    known: dict[str, object] = {"image_id": reading.namer.name("file", file.path)}
    try:
        dataset = read_header(reading.films / file.path)
        known |= _known(describe(dataset), reading)
        accept(
            dataset,
            chest_words=reading.chest_words,
            min_age_years=reading.min_age_years,
        )
    except Rejected as rejected:
        known |= {"rejected": rejected.reason, "detail": rejected.detail}
    return film_row(file, **known)


def _known(header: FilmHeader, reading: Reading) -> dict[str, object]:
    name = reading.namer.name
    named = {
        "study_id": name("study", header.study_instance_uid),
        "accession_id": name("accession", header.accession_number),
        "patient_id": name("patient", header.issuer_of_patient_id, header.patient_id),
        "number_id": name("number", header.patient_id),
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


def _key(file: FilmFile) -> str:
    text = f"{file.path}\0{file.bytes}\0{file.mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _load(path: Path) -> _Done:
    rows: dict[str, dict[str, Any]] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                key, row = json.loads(line)
            except ValueError:  # the line that a kill cut short
                continue
            rows[key] = row
        # a torn last line must not swallow the next one
        path.write_text("".join(json.dumps(item) + "\n" for item in rows.items()))
    return _Done(path, rows)
