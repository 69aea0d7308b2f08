"""Films of a backlog -> an answer per film and per study, or the reason why not."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.data.backlog_image import (
    ImageRead,
    ImageRequest,
    empty_row,
    read_backlog_image,
)
from cxrmlops.data.copies import (
    REPLACED,
    Copies,
    Row,
    refuse_mixed_studies,
    strike,
)
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.data.watched_studies import watched_studies
from cxrmlops.model.bundle import Bundle, BundleCard, require_preprocessing
from cxrmlops.model.gradcam import EVIDENCE, image_maps
from cxrmlops.model.inference import Reader
from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.model.watch_reference import named_directions
from cxrmlops.params import ScoreParams
from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES, WATCHED
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import whole_folder
from cxrmlops.system.workers import IsolatedResult, map_isolated, worker_count
from cxrmlops.vocabulary.findings import (
    BALANCED,
    HIGH_SENSITIVITY,
    answer,
    calibrated_logit,
    study_probability,
)
from cxrmlops.vocabulary.reasons import OUT_OF_DISTRIBUTION
from cxrmlops.vocabulary.scope import Scope, require_scope

log = logging.getLogger(__name__)

DIGITS = 4  # of logits and probabilities in rows: objects are built from these

FILES = (  # written
    *("images.parquet", "studies.parquet", "watched.parquet", "model.json"),
    "images",
)


def run(
    *,
    paths: Sequence[Path],
    bundle: Path,
    out: Path,
    params: ScoreParams,
    scope: Scope,
    started: datetime,
    expect_hash: str | None = None,
) -> None:
    """Write out/images, studies, watched (.parquet), model.json and images/<n>.npy.

    Every file has exactly one outcome, scored or rejected.

    Args:
        paths: files; what is no film is rejected with a reason.
        bundle: folder of the model.
        out: written whole or not at all.
        params: batch size, device, precision.
        scope: of this site; the bundle's own must be the same.
        started: start of the analysis, with its offset; stands in every object.
        expect_hash: of the bundle that the run began with; None: it begins here.

    Raises:
        ReplacedError: another bundle lies there than the run began with.
        ResourceError: this machine answers the model's own test images otherwise.
    """
    reader = open_reader(bundle, **params.reading, expect_hash=expect_hash)
    model = reader.bundle
    require_preprocessing(model.card, preprocessing_hash(size=model.card.size))
    require_scope(model.card.name, model.card.scope, scope)
    with whole_folder(out, private=True) as draft:
        requests = _requests(paths, draft, model.card)
        rows, reads = _read_all(requests, reader, params, draft)
        patients = {path: image.patient for path, image in reads.items()}
        refuse_mixed_studies(rows, patients, draft)
        images = SCORED_IMAGES.from_rows(rows)
        studies = _studies(images, reads, model, started)
        _check_balance(paths, images)
        SCORED_IMAGES.write(images, draft)
        SCORED_STUDIES.write(studies, draft)
        seen = {path: image.watched for path, image in reads.items()}
        watched = watched_studies(studies, rows, seen, rule=model.card.study_rule)
        WATCHED.write(watched, draft)
        identity = ScoringModel(
            **dict(model.identity) | {"precision": reader.choice.precision},
            saliency_method=params.saliency_method,
        )
        identity.write(draft / "model.json")
    _log_counts(images, studies)


def _requests(
    paths: Sequence[Path], draft: Path, card: BundleCard
) -> list[ImageRequest]:
    pictures = draft / "images"
    pictures.mkdir()
    return [
        ImageRequest(
            number=number,
            path=path.absolute(),
            size=card.size,
            pictures=pictures,
            scope=card.scope,
        )
        for number, path in enumerate(paths)
    ]


def _read_all(
    requests: Sequence[ImageRequest], reader: Reader, params: ScoreParams, out: Path
) -> tuple[list[dict[str, object]], dict[str, ImageRead]]:
    """Decode in processes while the network reads; give rows, and films by path."""
    workers = worker_count()
    results = map_isolated(
        read_backlog_image,
        requests,
        workers=workers,
        ahead=reader.batch_size + 2 * workers,
    )
    rows: list[dict[str, object]] = []
    reads: dict[str, ImageRead] = {}
    copies = Copies()
    batch: list[tuple[dict[str, object], np.ndarray]] = []
    for done in _with_progress(results, len(requests)):
        image = _image(done)
        reads[str(image.row["path"])] = replace(image, square=None)  # 250 kB a film
        rows.append(image.row)
        if image.square is None or copies.refuse(
            image.row, out, mtime_ns=image.mtime_ns
        ):
            continue
        batch.append((image.row, image.square))
        if len(batch) >= reader.batch_size:
            _answer(batch, reader, params.saliency_method, out)
            batch.clear()
    _answer(batch, reader, params.saliency_method, out)
    copies.strike_conflicts(out)
    return rows, reads


def _image(done: IsolatedResult[ImageRequest, ImageRead]) -> ImageRead:
    if done.output is not None:
        return done.output
    row = empty_row(done.input.path) | {"reason": "undecodable", "detail": done.why}
    return ImageRead(row, None, "", "")


def _answer(
    batch: Sequence[tuple[Row, np.ndarray]], reader: Reader, method: str, out: Path
) -> None:
    """Fill in what the network says, or that the film is none for it."""
    if not batch:
        return
    squares = np.stack([square for _, square in batch])
    answers = reader.read(squares)
    maps = answers.evidence
    if method != EVIDENCE:
        maps = image_maps(reader.network, squares, method=method)
    directions = named_directions(answers.features, reader.familiar)
    temperature = reader.bundle.card.temperature
    for number, (row, _) in enumerate(batch):
        row["distance"] = round(float(answers.distance[number]), DIGITS)
        if answers.unfamiliar[number] and reader.familiar:
            why = f"distance {row['distance']:.1f}, limit {reader.familiar.limit:.1f}"
            strike(row, out, OUT_OF_DISTRIBUTION, why)
            continue
        grid, logit = maps[number], round(float(answers.logit[number]), DIGITS)
        row |= directions[number]
        row |= {
            "outcome": "scored",
            "logit": logit,
            # of the logit as written: a study of one image has the image's answer
            "probability": round(calibrated_logit(logit, temperature), DIGITS),
            "evidence": grid.astype("<f2").tobytes(),
            "evidence_rows": grid.shape[0],
            "evidence_columns": grid.shape[1],
        }


def _studies(
    images: pd.DataFrame,
    reads: dict[str, ImageRead],
    model: Bundle,
    started: datetime,
) -> pd.DataFrame:
    """Join a study's films by the bundle's rule, as evaluation did."""
    known = images[images.study_instance_uid != ""]
    rows = [
        _study(str(uid), group, _facts(group, reads), model, started)
        for uid, group in known.groupby("study_instance_uid", sort=False)
    ]
    return SCORED_STUDIES.from_rows(rows)


def _facts(images: pd.DataFrame, reads: dict[str, ImageRead]) -> tuple[str, str]:
    """Return accession number and date as the first film that counts says them."""
    counts = images[images.reason != REPLACED]
    image = reads[str(counts.path.iloc[0])]
    return image.accession_number, image.study_date


def _study(
    uid: str,
    images: pd.DataFrame,
    facts: tuple[str, str],
    model: Bundle,
    started: datetime,
) -> dict[str, object]:
    scored = images[images.outcome == "scored"]
    row: dict[str, object] = {
        "study_instance_uid": uid,
        "outcome": "rejected",
        "reason": "",
        "n_images": len(images),
        "n_scored": len(scored),
        "probability": float("nan"),
        "answer_balanced": "",
        "answer_high_sensitivity": "",
        "accession_number": facts[0],
        "study_date": facts[1],
        "analysed_at": started.isoformat(timespec="seconds"),
        "model_key": model.key,
    }
    if scored.empty:
        return row | {"reason": "|".join(sorted(set(images.reason)))}
    rule, temperature = model.card.study_rule, model.card.temperature
    joined = study_probability(list(scored.logit), rule, temperature)
    probability = round(joined, DIGITS)
    points = {p.name: answer(probability, p) for p in model.card.operating_points}
    return row | {
        "outcome": "scored",
        "probability": probability,
        "answer_balanced": points[BALANCED].value,
        "answer_high_sensitivity": points[HIGH_SENSITIVITY].value,
    }


def _check_balance(paths: Sequence[Path], images: pd.DataFrame) -> None:
    outcomes = images.outcome.value_counts().to_dict()
    scored, rejected = outcomes.get("scored", 0), outcomes.get("rejected", 0)
    if not len(paths) == len(images) == scored + rejected:
        raise DataError(
            f"{len(paths)} files came in, {scored} were scored and {rejected} "
            "rejected; nothing is written, please report this"
        )


def _with_progress(
    results: Iterator[IsolatedResult[ImageRequest, ImageRead]], total: int
) -> Iterator[IsolatedResult[ImageRequest, ImageRead]]:
    timer = ProgressTimer()
    for number, done in enumerate(results, start=1):
        yield done
        if seconds := timer.due():
            rate = number / seconds
            log.info("score: %d of %d files, %.1f/s", number, total, rate)


def _log_counts(images: pd.DataFrame, studies: pd.DataFrame) -> None:
    rejected = images[images.outcome == "rejected"]
    reasons = ", ".join(
        f"{n} {reason}" for reason, n in sorted(Counter(rejected.reason).items())
    )
    log.info(
        "score: %d files: %d scored, %d rejected%s; %d studies, %d with an answer",
        len(images),
        len(images) - len(rejected),
        len(rejected),
        f" ({reasons})" if reasons else "",
        len(studies),
        int((studies.outcome == "scored").sum()),
    )
