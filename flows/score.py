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
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from typer import Option, run

from cxrmlops.backlog import audit, folder_scan, import_cache, leases, ledger
from cxrmlops.backlog.database import is_shared, open_database
from cxrmlops.backlog.database import now as utc_now
from cxrmlops.backlog.delivery import open_archive
from cxrmlops.backlog.open_studies import open_studies
from cxrmlops.backlog.reconciliation import check_balance
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.errors import ParamsError, ReplacedError, ServiceError
from cxrmlops.model.bundle import read_bundle, require_preprocessing
from cxrmlops.model.inference import require_unchanged
from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion.approval import champion_bundle
from cxrmlops.reporting.reading_list import join_reading_lists
from cxrmlops.system.clock import now
from cxrmlops.vocabulary.scope import require_scope
from flows.archive import ask, fetch, fetching_ahead, open_incoming, unfetched_reasons
from flows.by_hand import completed, run_by_hand
from flows.chunk import REPORT, Night, notes, read
from flows.outcome import (
    RedactForeignErrors,
    is_stopping,
    show_open,
    show_synthetic_image,
    told_open,
)

AT_ONCE = int(os.environ.get("CXR_CHUNKS_AT_ONCE", "2"))


@dataclass(frozen=True)
class End:
    """How a night ended; counts and sentences, safe to show."""

    waiting: list[str]  # why chunks of this night are not delivered
    said: str  # studies by outcome; "" when some wait
    failed: int  # studies that this night gave up
    left: str  # how many studies are not done, whoever began them


def choose_runner() -> TaskRunner[Any]:
    """Work in threads here, or on the Dask cluster at CXR_DASK."""
    address = os.environ.get("CXR_DASK")
    if not address:
        return ThreadPoolTaskRunner(max_workers=AT_ONCE)
    from prefect_dask.task_runners import DaskTaskRunner  # seconds, and few need it

    return DaskTaskRunner(address=address)


@flow(name="score", task_runner=choose_runner())
def score(bundle: str = "", rescore: bool = False) -> State[Any]:
    """Score and report every study that waits; what is delivered is never sent again.

    Args:
        bundle: folder of the model; empty takes the champion.
        rescore: also read what another model has answered already.
    """
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
                workers = work.map(range(AT_ONCE), night=unmapped(night))
                wait(workers)
                for worker in workers:
                    worker.result()  # the ledger itself failed: nothing to count
            if is_last or ledger.left_open(open_database(), night.run):
                break
        end = close(night)
        waiting = end.waiting + unfetched_reasons(incoming, asked)
        is_well = not waiting and not end.failed
        told.outcome = audit.SUCCESS if is_well else audit.SERIOUS
    if waiting:
        message = "; ".join([end.said] * bool(end.said) + waiting)
        return Failed(message=f"{message}. Nothing is lost: run again{end.left}")
    if end.failed:
        return Failed(name="Studies failed", message=end.said + end.left)
    return Completed(message=end.said + end.left)


@task(name="open night")
def open_night(bundle: str) -> Night:
    """Check model, archive and ledger before anything is claimed."""
    site = load_site()
    archive = os.environ.get("CXR_ARCHIVE") or site.archive
    try:
        open_archive(archive).check()
    except ServiceError as error:  # films that lie here are read, and answers wait
        get_run_logger().warning("%s", error)
    open_database()
    if os.environ.get("CXR_DASK") and not is_shared():
        raise ParamsError(
            "several machines cannot share an SQLite ledger; set CXR_LEDGER_URL to a "
            "PostgreSQL database, or unset CXR_DASK"
        )
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
    )


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


@task(task_run_name="worker {number}")
def work(number: int, night: Night) -> None:
    """Take chunks until none is left; a chunk that fails does not stop the others."""
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
    tally = balance.studies
    if waiting := ledger.left_open(engine, night.run):
        return End(waiting, "", tally["failed"], told_open(left))
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
    return End([], said, tally["failed"], told_open(left))


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
