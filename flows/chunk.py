"""One chunk of studies, from where it stands to the archive."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prefect import get_run_logger, task

from cxrmlops.backlog import addresses, audit, challenges, leases, progress, results
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.delivery import PRESENT, deliver, open_archive
from cxrmlops.backlog.leases import Chunk
from cxrmlops.model.scoring_reader import one_at_a_time
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion.opinions import accessions_of, comparable_opinions
from cxrmlops.records.tables import SCORED_STUDIES
from cxrmlops.stages import report as report_stage
from cxrmlops.stages import score as score_stage
from cxrmlops.system.errors import BundleError
from cxrmlops.system.files import remove_drafts
from cxrmlops.vocabulary.rollout import NOWHERE
from flows.outcome import (
    DELAYS,
    RedactForeignErrors,
    ReleaseOrFailChunk,
    unreachable,
)

SCORE, REPORT = Path("data/score"), Path("data/report")  # one folder per chunk below


@dataclass(frozen=True)
class Night:
    """What every worker must know; plain values, it may travel to another machine."""

    run: str
    opened: str  # UTC, ISO 8601
    started: str  # start of analysis, ISO 8601 with offset
    bundle: Path
    bundle_hash: str  # of the model that the night began with, and keeps
    model_key: str
    archive: str  # where images come from
    target: str  # where results go, or nowhere
    rollout: str  # stage of the site when the night began
    challenger: str  # bundle hash of the version that reads along; "" none
    reading: str = ""  # in which precision, for people; "" each machine chooses


@task(task_run_name="chunk {chunk.id}")
def read(chunk: Chunk, night: Night) -> None:
    """Bring one chunk from where it stands to the archive."""
    engine = open_database()
    with ReleaseOrFailChunk(engine, chunk), leases.held(engine, chunk):
        answer(chunk, night)
        write(chunk, night)
        send(chunk, night)
        enlist(chunk, night)
        progress.finish(engine, chunk)
        # 1 MB a film, and every object that needs it is delivered
        shutil.rmtree(SCORE / chunk.id / "images", ignore_errors=True)


@task(name="score", task_run_name="score")
def answer(chunk: Chunk, night: Night) -> None:
    """Let the model read the films; answers that are stored are not asked for again."""
    params, site, out = load_params(), load_site(), SCORE / chunk.id
    with RedactForeignErrors(notes(chunk.id)):
        if not (out / "studies.parquet").exists():
            if chunk.model_key != night.model_key:
                raise BundleError("the model that began this chunk is gone")
            remove_drafts(out)
            subjects = results.subjects(open_database(), chunk)
            audit.record(audit.images_read(subjects, source=str(site.backlog)))
            places = [place for study in chunk.studies for place in study.places]
            with one_at_a_time():
                score_stage.run(
                    paths=[(site.backlog / place).absolute() for place in places],
                    bundle=night.bundle,
                    out=out,
                    params=params.score,
                    scope=scope_of(params.cohort, site),
                    started=datetime.fromisoformat(chunk.started),
                    expect_hash=night.bundle_hash,
                )
        results.require_model(out, chunk)
        if not chunk.is_scored:
            answers = results.read_answers(out, chunk, site.backlog)
            progress.record_scored(open_database(), chunk, answers)


@task(name="report", task_run_name="report")
def write(chunk: Chunk, night: Night) -> None:
    """Write reports and pictures from the stored answers."""
    engine, out = open_database(), REPORT / chunk.id
    if chunk.is_written and (out / "objects.json").exists():
        return
    with RedactForeignErrors(notes(chunk.id)):
        remove_drafts(out)
        report_stage.run(
            score=SCORE / chunk.id,
            out=out,
            params=load_params().report,
            site=load_site(),
            predecessors=results.predecessors(
                engine, chunk, target=addresses.shown(night.target)
            ),
            waiting_since=results.waiting_since(engine, chunk),
            rollout=night.rollout,
        )
        progress.record_written(engine, chunk, results.read_written(out, chunk))


@task(
    name="deliver",
    task_run_name="deliver",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
)
def send(chunk: Chunk, night: Night) -> None:
    """Store what the archive does not have yet; in shadow it may be that none gets it.

    Results go to the night's target alone: where images come from, only if it is that.
    """
    if night.target == NOWHERE:
        keep_here(chunk)
        return
    engine, out = open_database(), REPORT / chunk.id
    with RedactForeignErrors(notes(chunk.id)):
        written = results.read_written(out, chunk)
        trail = audit.Transfers(
            results.subjects(engine, chunk), destination=night.target
        )
        study = {one.uid: one.study_uid for one in written}

        def keep(uid: str, text: str) -> None:
            target = addresses.shown(night.target)
            progress.record_receipt(engine, chunk, uid, text, target=target)
            trail.note(study[uid], is_new=text != PRESENT)

        with trail:
            sent = deliver(
                [out / f"{one.uid}.dcm" for one in written],
                open_archive(night.target, source=night.archive),
                receipt=keep,
            )
            for uid, reason in sent.refused.items():
                progress.record_refused(engine, chunk, uid, reason)
    get_run_logger().info(
        "archive: %d objects stored, %d were there, %d refused for good",
        sent.stored,
        sent.present,
        len(sent.refused),
    )


def keep_here(chunk: Chunk) -> None:
    """Note that a chunk's objects go to no archive: they stay in data/report."""
    written = results.read_written(REPORT / chunk.id, chunk)
    for one in written:
        progress.record_receipt(
            open_database(), chunk, one.uid, "not sent: shadow", target=NOWHERE
        )
    get_run_logger().info("shadow: %d objects stay here, none was sent", len(written))


def enlist(chunk: Chunk, night: Night) -> None:
    """Put a chunk that is delivered on the challenger's list; what fails harms none."""
    if not night.challenger:
        return
    try:
        answered = SCORED_STUDIES.read(SCORE / chunk.id)
        challenges.enlist(
            open_database(),
            chunk,
            comparable_opinions(answered),
            accessions_of(answered),
            bundle_hash=night.challenger,
        )
    except Exception as error:  # noqa: BLE001 the answer is delivered, that counts
        said = "chunk %s is not on the challenger's list: %s"
        get_run_logger().warning(said, chunk.id, type(error).__name__)


def notes(name: str) -> Path:
    """Name the file for what a foreign error says of films: it may name patients."""
    return SCORE / f"{name}.failed.txt"
