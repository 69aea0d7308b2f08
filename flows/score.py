"""Every night: read the backlog, deliver what is done, leave the rest for tomorrow."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.futures import wait
from prefect.states import Completed, Failed
from typer import Option, run

from cxrmlops.backlog import (
    addresses,
    audit,
    challenges,
    common_cause,
    folder_scan,
    import_cache,
    leases,
    ledger,
)
from cxrmlops.backlog.database import now as utc_now
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.delivery import open_archive
from cxrmlops.backlog.open_studies import open_studies
from cxrmlops.backlog.reconciliation import check_balance
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.model.bundle import read_bundle, require_preprocessing
from cxrmlops.model.inference import require_unchanged
from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion import approval_log, rollout_log
from cxrmlops.promotion.approval import champion_bundle
from cxrmlops.reporting.reading_list import join_reading_lists
from cxrmlops.system.clock import now
from cxrmlops.system.errors import ReplacedError, ServiceError
from cxrmlops.vocabulary.rollout import NOWHERE, Rollout
from cxrmlops.vocabulary.scope import require_scope
from flows.archive import ask, fetch, fetching_ahead, open_incoming, unfetched_reasons
from flows.by_hand import completed, run_by_hand
from flows.challenge import challenge
from flows.chunk import REPORT, Night, notes, read
from flows.cluster import (
    choose_runner,
    chunks_at_once,
    require_servers,
    settle,
    take_machine,
)
from flows.night_watch import NIGHT
from flows.outcome import (
    RedactForeignErrors,
    is_stopping,
    show_open,
    show_synthetic_image,
    told_open,
)
from flows.schedule import only_night


@dataclass(frozen=True)
class End:
    """How a night ended; counts and sentences, safe to show."""

    waiting: list[str]  # why chunks of this night are not delivered
    said: str  # studies by outcome; "" when some wait
    claimed: int  # studies that this night began
    failed: int  # studies that this night gave up
    stopped: str  # why it ended before its work was done; "" it did not
    left: str  # how many studies are not done, whoever began them


# The return type in quotes: a flow travels to Dask workers, which cannot make a
# generic class of pydantic that they have not met.
@flow(name="score", task_runner=choose_runner(__name__), **NIGHT)
def score(bundle: str = "", rescore: bool = False) -> "State[Any]":
    """Score and report every study that waits; what is delivered is never sent again.

    Args:
        bundle: folder of the model; empty takes the champion.
        rescore: also read what another model has answered already.
    """
    with only_night() as instead:
        return instead or read_backlog(bundle, rescore)


def read_backlog(bundle: str, rescore: bool) -> "State[Any]":
    """Do a night's work."""
    night = open_night(bundle)
    counted = night.model_key if rescore else None  # answers that are not asked for
    with audit.activity(night.model_key) as told:
        incoming = open_incoming(night.archive, model_key=counted)
        asked = ask(incoming, return_state=True)
        fetch(incoming)
        while True:
            find(night, rescore)
            is_last = incoming.is_done
            with fetching_ahead(incoming):
                read_all(night)
            if is_last or ledger.left_open(open_database(), night.run):
                break
        end = close(night)
        waiting = end.waiting + unfetched_reasons(incoming, asked)
        is_well = not (waiting or end.failed or end.stopped)
        told.outcome = audit.SUCCESS if is_well else audit.SERIOUS
    beside = f"{end.left}{told_stage(night)}{challenge(night.challenger)}"
    if end.stopped:
        message = "; ".join([end.stopped, *waiting])
        return Failed(name="Stopped", message=f"{message}{beside}")
    if waiting:
        message = "; ".join([end.said] * bool(end.said) + waiting)
        return Failed(message=f"{message}. Nothing is lost: run again{beside}")
    if end.failed:
        name = f"{end.failed} of {end.claimed} studies failed"
        return Failed(name=name, message=end.said + beside)
    return Completed(message=end.said + beside)


@task(name="open night")
def open_night(bundle: str) -> Night:
    """Check model, archive and ledger before anything is claimed."""
    site = load_site()
    decisions = approval_log.entries()
    rollout = rollout_log.stage_of(decisions)
    archive = addresses.source_address(site.archive)
    target = addresses.results_address(site.archive, site.results_archive, rollout)
    for address in dict.fromkeys((archive, target)):
        try:
            if address != NOWHERE:
                open_archive(address, source=archive).check()
        except ServiceError as error:  # films that lie here are read, and answers wait
            get_run_logger().warning("%s", error)
    challenger = rollout_log.challenger_of(decisions)
    challenges.keep_only(open_database(), challenger)
    require_servers()
    folder = Path(bundle) if bundle else champion_bundle()
    params = load_params()
    if os.environ.get("CXR_DASK"):  # each machine that reads checks itself
        model = read_bundle(folder)
    else:
        model = open_reader(
            folder,
            accelerator=params.score.accelerator,
            batch_size=params.score.batch_size,
        ).bundle
    require_preprocessing(model.card, preprocessing_hash(size=model.card.size))
    require_scope(model.card.name, model.card.scope, scope_of(params.cohort, site))
    return Night(
        run=secrets.token_hex(8),
        opened=utc_now(),
        started=now(site.time_zone).isoformat(),
        bundle=folder,
        bundle_hash=model.hash,
        model_key=model.key,
        archive=archive,
        target=target,
        rollout=rollout,
        challenger="" if bundle else challenger,
    )


def told_stage(night: Night) -> str:
    """Say the stage of the site, unless it is the last one."""
    if night.rollout == Rollout.ACTIVE:
        return ""
    return f"; stage {night.rollout}: results go to {audit.shown(night.target)}"


@task(name="find")
def find(night: Night, rescore: bool) -> None:
    """Look into the backlog and put what is new on the list."""
    params, site, engine = load_params(), load_site(), open_database()
    with RedactForeignErrors(notes(night.run)):
        arrived, unknown = folder_scan.look(
            site.backlog,
            known=folder_scan.known_images(engine),
            settle_minutes=params.score.settle_minutes,
        )
        folder_scan.note_images(engine, unknown)
        folder_scan.note_waiting(engine, arrived.waiting)
        new = ledger.enter(
            engine, arrived.studies, model_key=night.model_key, rescore=rescore
        )
        import_cache.clear(engine, site.backlog)
    get_run_logger().info(
        "backlog: %d files, %d of them new; %d studies, %d of them new, %d too young",
        arrived.n_files,
        len(unknown),
        len(arrived.studies),
        new,
        arrived.n_young,
    )


def read_all(night: Night) -> None:
    """Let workers take chunks until none is left, those of dead workers included."""
    while True:
        workers = work.map(range(chunks_at_once()), night=unmapped(night))
        wait(workers)
        for worker in workers:
            settle(worker)  # raises: the ledger itself failed, nothing to count
        if not leases.await_lost(open_database(), night.run):
            return


@task(task_run_name="worker {number}")
def work(number: int, night: Night) -> None:
    """Take chunks until none is left; a chunk that fails does not stop the others."""
    take_machine()
    engine, size = open_database(), load_params().score.chunk_studies
    while chunk := leases.claim(
        engine,
        model_key=night.model_key,
        size=size,
        run=night.run,
        started=night.started,
    ):
        if is_stopping(read(chunk, night, return_state=True)):
            return


@task(name="close night")
def close(night: Night) -> End:
    """Join the reading list, count what became of every study, and show it."""
    engine = open_database()
    import_cache.clear(engine, load_site().backlog)
    if finished := ledger.unlisted(engine, night.opened):
        join_reading_lists([REPORT / name for name in finished], REPORT)
        ledger.note_listed(engine, finished)
        with suppress(ReplacedError):  # the night has said so
            require_unchanged(night.bundle, night.bundle_hash)
            show_synthetic_image(night.bundle)
    balance = check_balance(engine, night.run)
    left = open_studies(engine)
    show_open(left)
    tally, told = balance.studies, told_open(left)
    stopped = common_cause.why_stopped(engine, night.run, night.model_key)
    if stopped:
        get_run_logger().error("%s", stopped)
    counts = (tally["in"], tally["failed"], stopped, told)
    if waiting := ledger.left_open(engine, night.run):
        return End(waiting, "", *counts)
    said = ", ".join(f"{name} {n}" for name, n in tally.items())
    rows = [
        {"what": name, "studies": n, "files": balance.files.get(name, 0)}
        for name, n in tally.items()
    ]
    create_table_artifact(rows, key="night", description="Studies of this run")
    bins = ledger.histogram(engine, night.run)
    create_table_artifact(
        [{"probability": name, "studies": n} for name, n in bins.items()],
        key="probabilities",
        description="Scored studies of this run by probability of a finding",
    )
    get_run_logger().info("night: %s", said)
    said = said if tally["in"] else "nothing new"
    return End([], said, *counts)


def main(
    bundle: Annotated[str, Option(help="folder of a model; else the champion")] = "",
    rescore: Annotated[
        bool, Option(help="also what another model has answered already")
    ] = False,
) -> None:
    """Score and report every study that waits.

    Example: python -m flows.score --bundle data/train/bundle
    """
    completed(lambda: score(bundle=bundle, rescore=rescore, return_state=True))


if __name__ == "__main__":
    run_by_hand(lambda: run(main))
