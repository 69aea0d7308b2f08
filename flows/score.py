"""Every night: read the backlog, deliver what is done, leave the rest for tomorrow."""

import os
import secrets
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.futures import wait
from prefect.states import Completed, Failed
from typer import Option, run

from flows.by_hand import begin_by_hand, completed

if __name__ == "__main__":
    begin_by_hand()  # first: what is loaded below takes seconds

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
from cxrmlops.backlog.archive_import import Incoming
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
from flows.challenge import challenge
from flows.chunk import REPORT, Night, notes, read
from flows.cluster import (
    choose_runner,
    chunks_at_once,
    require_servers,
    settle,
    take_machine,
)
from flows.names import night as night_name
from flows.night_summary import End, show_night, studies_shown
from flows.night_watch import NIGHT
from flows.outcome import (
    RedactForeignErrors,
    is_stopping,
    show_open,
    show_synthetic_image,
    told_open,
)
from flows.rescore import Rescore, count_again
from flows.schedule import only_night


# The return type in quotes: a flow travels to Dask workers, which cannot make a
# generic class of pydantic that they have not met.
@flow(
    name="score",
    flow_run_name=night_name,
    task_runner=choose_runner(__name__),
    **NIGHT,
)
def score(model: str = "", rescore: Rescore = "no") -> "State[Any]":
    """Score and report every study that waits; what is delivered is never sent again.

    Args:
        model: folder of a bundle; empty takes the champion.
        rescore: whether to read again what another model has answered: `no`; `count`
            says how many studies that would be, and does nothing else; `yes` reads
            them, and sends a report each that names the one before.
    """
    if rescore == "count":
        return Completed(message=count_again(model))
    with only_night() as instead:
        return instead or read_backlog(model, rescore=rescore == "yes")


def read_backlog(model: str, *, rescore: bool) -> "State[Any]":
    """Do a night's work."""
    night = open_night(model)
    counted = night.model_key if rescore else None  # answers that are not asked for
    with audit.activity(night.model_key) as told:
        incoming = open_incoming(night.archive, model_key=counted)
        asked = ask(incoming, return_state=True)
        fetch(incoming)
        with studies_shown(night):
            read_what_comes(night, incoming, rescore=rescore)
        end = close(night)
        waiting = end.waiting + unfetched_reasons(incoming, asked)
        state = judge(end, waiting)
        told.outcome = audit.SUCCESS if state.is_completed() else audit.SERIOUS
    said = f"{state.message}{told_stage(night)}{challenge(night.challenger)}"
    show_night(night, end, said)
    return state.model_copy(update={"message": said})


def judge(end: End, waiting: list[str]) -> "State[Any]":
    """Say how a night ended, and what to do."""
    if end.stopped:
        message = "; ".join([end.stopped, *waiting])
        return Failed(name="Stopped", message=f"{message}{end.left}")
    if waiting:
        message = "; ".join([end.said] * bool(end.said) + waiting)
        return Failed(message=f"{message}. Nothing is lost: run again{end.left}")
    if failed := end.studies["failed"]:
        name = f"{failed} of {end.studies['in']} studies failed"
        return Failed(name=name, message=end.said + end.left)
    return Completed(message=end.said + end.left)


def read_what_comes(night: Night, incoming: Incoming, *, rescore: bool) -> None:
    """Read what lies in the backlog, and what is fetched meanwhile."""
    while True:
        find(night, rescore)
        is_last = incoming.is_done
        with fetching_ahead(incoming):
            read_all(night)
        if is_last or ledger.left_open(open_database(), night.run):
            return


@task(name="open night", task_run_name="open night")
def open_night(model: str) -> Night:
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
    folder = Path(model) if model else champion_bundle()
    params = load_params()
    if os.environ.get("CXR_DASK"):  # each machine that reads checks itself
        bundle, reading = read_bundle(folder), ""
    else:
        reader = open_reader(folder, **params.score.reading)
        bundle, reading = reader.bundle, reader.choice.told()
    card = bundle.card
    require_preprocessing(card, preprocessing_hash(size=card.size))
    require_scope(card.name, card.scope, scope_of(params.cohort, site))
    return Night(
        run=secrets.token_hex(8),
        opened=utc_now(),
        started=now(site.time_zone).isoformat(),
        bundle=folder,
        bundle_hash=bundle.hash,
        model_key=bundle.key,
        archive=archive,
        target=target,
        rollout=rollout,
        challenger="" if model else challenger,
        reading=reading,
    )


def told_stage(night: Night) -> str:
    """Say the stage of the site, unless it is the last one."""
    if night.rollout == Rollout.ACTIVE:
        return ""
    return f"; stage {night.rollout}: results go to {addresses.shown(night.target)}"


@task(name="find", task_run_name="find")
def find(night: Night, rescore: bool) -> None:
    """Look into the backlog and put what is new on the list."""
    params, site, engine = load_params(), load_site(), open_database()
    with RedactForeignErrors(notes(night.run)):
        arrived, unknown = folder_scan.look(
            site.backlog,
            known=partial(folder_scan.known_images, engine),
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


@task(name="close night", task_run_name="close night")
def close(night: Night) -> End:
    """Join the reading list, count what became of every study, and show it."""
    engine = open_database()
    import_cache.clear(engine, load_site().backlog)
    picture = ""
    if finished := ledger.unlisted(engine, night.opened):
        join_reading_lists([REPORT / name for name in finished], REPORT)
        ledger.note_listed(engine, finished)
        with suppress(ReplacedError):  # the night has said so
            require_unchanged(night.bundle, night.bundle_hash)
            picture = show_synthetic_image(night.bundle)
    balance = check_balance(engine, night.run)
    left = open_studies(engine)
    show_open(left)
    tally, told = balance.studies, told_open(left)
    stopped = common_cause.why_stopped(engine, night.run, night.model_key)
    if stopped:
        get_run_logger().error("%s", stopped)
    counts = (tally, balance.files, picture, stopped, told)
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
    model: Annotated[str, Option(help="folder of a bundle; else the champion")] = "",
    rescore: Annotated[
        Rescore, Option(help="what another model has answered: say how much, or read")
    ] = "no",
) -> None:
    """Score and report every study that waits.

    Example: python -m flows.score --model data/train/bundle
    """
    completed(
        lambda: score(model=model, rescore=rescore, return_state=True), tag="night"
    )


if __name__ == "__main__":
    run(main)
