"""Films -> squares of uint8 in shards, with statistics and hashes."""

import itertools
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd

from cxrmlops.data.decoding import Decoded, DecodeRequest, decode_images
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.data.shards import ShardWriter
from cxrmlops.params import PreprocessParams, Site
from cxrmlops.records.cohort_scope import CohortScope
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.tables import CANDIDATE_PATHS, IMAGES, INDEX, beside
from cxrmlops.stage_code import stage_code_hash
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import (
    disk_space,
    only_run,
    read_journal,
    sha256_file,
    whole_folder,
    work_folder,
)
from cxrmlops.system.workers import worker_count
from cxrmlops.vocabulary.scope import Scope

log = logging.getLogger(__name__)

ROWS = "rows.jsonl"  # unfinished work: one line per finished chunk
CHUNK = 32  # films kept at a time: what a kill can cost

Row = dict[str, object]


def run(*, cohort: Path, out: Path, params: PreprocessParams, site: Site) -> None:
    """Write shard-*.npy, index.parquet and preprocessing.json to `out`.

    A killed run goes on where it stopped: finished chunks are kept in `.work`.

    Raises:
        DataError: the cohort is empty, or no film could be read.
        ResourceError: the disk is full, or another run is at work here.
    """
    images = IMAGES.read(cohort)
    scope = CohortScope.read(cohort / "scope.json").root
    requests = [
        # absolute: a worker may have started in another folder
        DecodeRequest((site.films / path).absolute(), n_bytes, params.size, scope)
        for path, n_bytes in zip(_paths(images, cohort), images.bytes, strict=True)
    ]
    inputs = sha256_file(cohort / IMAGES.name)
    work = work_folder(
        "preprocess",
        inputs,
        site.films,
        scope.to_json(),
        params.model_dump(),
        stage_code_hash("preprocess"),
    )

    with only_run("preprocess"):
        with disk_space(work):
            rows = _decode(requests, work, params)
        index = _index(images, rows)
        rejected = {k: n for k, n in sorted(Counter(index.rejected).items()) if k}
        _check_some_left(index, rejected)
        INDEX.write(index, work)
        facts = _summary(index, rejected, params, scope)
        facts.write(work / "preprocessing.json")
        _hand_over(work, out)
    log.info("preprocess: %d films, %s", len(index), _tell(rejected))


def _paths(images: pd.DataFrame, cohort: Path) -> pd.Series:
    """Look up where the films lie; only the machine that made the cohort knows."""
    known = pd.Series(dtype="string")
    if (beside(cohort) / CANDIDATE_PATHS.name).exists():
        rows = CANDIDATE_PATHS.read(beside(cohort))
        included = rows[rows.outcome == "included"].drop_duplicates("image_id")
        known = included.set_index("image_id").path
    paths = images.image_id.map(known)
    if paths.isna().any():
        raise DataError(
            f"preprocess: {beside(cohort) / CANDIDATE_PATHS.name} does not say where "
            f"{int(paths.isna().sum())} film(s) of the cohort lie; run the stage "
            "'cohort' where the films are"
        )
    return paths


def _decode(
    requests: Sequence[DecodeRequest], work: Path, params: PreprocessParams
) -> list[Row]:
    """Decode what is not yet in `work`; give the rows of all films, in order."""
    work.mkdir(parents=True, exist_ok=True)
    rows = _resume(work)
    if rows:
        log.info("preprocess: %d of %d films were ready", len(rows), len(requests))
    writer = ShardWriter(
        work,
        size=params.size,
        images_per_shard=params.images_per_shard,
        start=sum(not row["rejected"] for row in rows),
    )
    decoded = decode_images(requests[len(rows) :], workers=worker_count())
    with closing(writer):
        for chunk in _told(_chunks(decoded), rows, len(requests)):
            new = [_place(one, writer) for one in chunk]
            writer.flush()  # pixels first: a row never points to what is not there
            _append(work, new)
            rows += new
    return rows


def _chunks(decoded: Iterator[Decoded]) -> Iterator[list[Decoded]]:
    while chunk := list(itertools.islice(decoded, CHUNK)):
        yield chunk


def _place(decoded: Decoded, writer: ShardWriter) -> Row:
    shard, row = (-1, -1) if decoded.square is None else writer.add(decoded.square)
    return decoded.row | {"shard": shard, "row": row}


def _told(
    chunks: Iterable[list[Decoded]], rows: list[Row], total: int
) -> Iterator[list[Decoded]]:
    """Pass the chunks on; log one line of progress every few seconds."""
    timer, before = ProgressTimer(), len(rows)
    for chunk in chunks:
        yield chunk
        if seconds := timer.due():
            log.info(
                "preprocess: %d/%d films, %.1f images/s, %d rejected",
                len(rows),
                total,
                (len(rows) - before) / seconds,
                sum(bool(row["rejected"]) for row in rows),
            )


def _resume(work: Path) -> list[Row]:
    """Read the rows of finished chunks."""
    return [row for chunk in read_journal(work / ROWS) for row in chunk]


def _append(work: Path, rows: list[Row]) -> None:
    with (work / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(rows) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _index(images: pd.DataFrame, rows: list[Row]) -> pd.DataFrame:
    pairs = zip(images.image_id, rows, strict=True)
    return INDEX.from_rows([{"image_id": image_id, **row} for image_id, row in pairs])


def _summary(
    index: pd.DataFrame,
    rejected: dict[str, int],
    params: PreprocessParams,
    scope: Scope,
) -> Preprocessing:
    return Preprocessing(
        hash=preprocessing_hash(size=params.size),
        size=params.size,
        scope=scope,
        n=len(index) - sum(rejected.values()),
        rejected=rejected,
    )


def _check_some_left(index: pd.DataFrame, rejected: dict[str, int]) -> None:
    if index.empty:
        raise DataError(
            "preprocess: the cohort has no films; see exclusions.json in data/cohort "
            "for why, then set site.yaml to the right folder and table"
        )
    if not (index.rejected == "").any():
        raise DataError(
            f"preprocess: no film of {len(index)} could be read: {_tell(rejected)}; "
            "check 'films' in site.yaml, then run the stage 'cohort' again"
        )


def _hand_over(work: Path, out: Path) -> None:
    """Give the finished files to `out`; only then drop the unfinished work."""
    with whole_folder(out) as draft:
        for path in sorted(work.iterdir()):
            if path.name != ROWS:
                _link_or_copy(path, draft / path.name)
    shutil.rmtree(work.parent)  # older keys of this stage are stale


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _tell(rejected: dict[str, int]) -> str:
    told = ", ".join(f"{n} {reason}" for reason, n in sorted(rejected.items()))
    return f"{sum(rejected.values())} rejected" + (f" ({told})" if told else "")
