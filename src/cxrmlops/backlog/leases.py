"""
Who works on what: chunks of studies under a lease, safe for many runs at once.

A chunk keeps its members and its start of analysis for good. Whoever takes it over
after a kill goes on where it stopped and writes the same bytes. Every step checks that
the lease is still ours: a run that slept too long cannot undo what another did.
"""

import itertools
import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    insert,
    select,
    update,
)

from cxrmlops.backlog.common_cause import attempts_of
from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.lease_holders import (
    KILLED,
    LEASE_SECONDS,
    OTHER_CLOCK,
    free_dead,
    seconds,
    this_process,
)
from cxrmlops.backlog.lease_renewal import renewed
from cxrmlops.backlog.ledger import (
    CLAIMED,
    DELIVERED,
    FAILED,
    FORGOTTEN,
    FOUND,
    IN_WORK,
    REJECTED,
    SCORED,
    WRITTEN,
    set_study,
)
from cxrmlops.backlog.schema import DISSOLVED, OPEN, chunks, objects, studies
from cxrmlops.system.errors import ServiceError
from cxrmlops.system.files import sha256_json

POLL_SECONDS = 1.0  # while a lease of a dead worker is awaited
MAX_ATTEMPTS = 6  # a chunk that ended its process so often is taken apart

REPORT = "report"  # kind of object: the structured report
UNREPORTED = "it was answered, but it has no report of its own"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """A study of a chunk."""

    number: int  # the ledger's own; safe to show
    study_uid: str
    places: tuple[str, ...]  # of its films, below the backlog folder
    state: str


@dataclass(frozen=True)
class Chunk:
    """Studies that are ours until the lease ends."""

    id: str
    model_key: str
    started: str  # start of analysis, ISO 8601
    owner: str
    lease_seconds: float
    studies: tuple[Claimed, ...]

    @property
    def is_scored(self) -> bool:
        """Return whether the answers are stored."""
        return all(study.state != CLAIMED for study in self.studies)

    @property
    def is_written(self) -> bool:
        """Return whether the objects are written."""
        return all(study.state in (WRITTEN, REJECTED) for study in self.studies)


def claim(
    engine: Engine,
    *,
    model_key: str,
    size: int,
    run: str,
    started: str,
    lease_seconds: float = LEASE_SECONDS,
) -> Chunk | None:
    """Take a chunk that somebody left, else make one; None: nothing to do.

    Args:
        engine: the ledger's database.
        model_key: the model in use. A chunk of another model is taken only when all
            that remains to do is writing and delivering.
        size: studies of a new chunk, at most.
        run: this nightly run; what it gave back itself it does not take again, what a
            killed worker of it left, it does.
        started: start of analysis of a new chunk, ISO 8601.
        lease_seconds: how long it is ours without a sign of life.
    """
    with transaction(engine) as connection:
        free_dead(connection)
        attempt = attempts_of(connection, run)
        if attempt.cause:
            return None
        found = _left_behind(connection, model_key, run)
        if found is None:
            sizes = ((0, size), (1, 1))
            order = sizes[::-1] if attempt.is_in_doubt else sizes
            found = _new(connection, model_key, started, order)
        if found is None:
            return None
        return _lease(connection, found, run, lease_seconds)


@contextmanager
def held(engine: Engine, chunk: Chunk) -> Iterator[None]:
    """Renew the lease from a thread while the block works."""

    def renew() -> None:
        try:
            with transaction(engine) as connection:
                still_ours(connection, chunk)
        except ServiceError as error:
            log.warning("chunk %s: lease not renewed: %s", chunk.id, error)

    with renewed(f"lease-{chunk.id}", renew, seconds=chunk.lease_seconds):
        yield


def release(engine: Engine, chunk: Chunk, reason: str) -> None:
    """Give the chunk back as it is: not its fault, another run goes on with it."""
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        attempts = chunks.c.attempts - 1
        close(connection, chunk.id, state=OPEN, reason=reason, attempts=attempts)


def fail(engine: Engine, chunk: Chunk, reason: str, *, error: str = "") -> None:
    """Take a chunk that cannot be done apart: next, each study is tried alone.

    A study that fails alone has failed, with this reason.

    Args:
        engine: the ledger's database.
        chunk: ours.
        reason: for people.
        error: kind of the error: the first chunks of a run that all fail by the same
            one end the run, see `common_cause`.
    """
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        _take_apart(connection, chunk.id, reason, error)


def await_lost(engine: Engine, run: str, *, patience: float = LEASE_SECONDS) -> bool:
    """Return whether dead workers of a run left chunks, once that is known for certain.

    To be asked when no worker of the run is at work any more: then whoever still holds
    a chunk died elsewhere, and its lease ends soon. A worker that was only cut off goes
    on and renews it; it is waited for as long.

    Args:
        engine: the ledger's database.
        run: this nightly run.
        patience: seconds to wait, at most.
    """
    until = time.monotonic() + patience + POLL_SECONDS
    while True:
        with transaction(engine) as connection:
            free_dead(connection)
            at = seconds(connection)
            mine = (chunks.c.run == run) & (chunks.c.state == OPEN)
            held_by = select(chunks.c.holder).where(mine & (chunks.c.lease_until >= at))
            holders = set(connection.execute(held_by).scalars())
            lost = select(chunks.c.id).where(
                mine & (chunks.c.lease_until < at) & _was_lost()
            )
            if found := connection.execute(lost).first() is not None:
                return found
        if not holders - {this_process()} or time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)


def _left_behind(connection: Connection, model_key: str, run: str) -> str | None:
    free = (chunks.c.state == OPEN) & (chunks.c.lease_until < seconds(connection))
    unscored = (studies.c.chunk == chunks.c.id) & (studies.c.state == CLAIMED)
    ours = (chunks.c.model_key == model_key) | ~select(studies).where(unscored).exists()
    query = select(chunks).where(free & ours & ((chunks.c.run != run) | _was_lost()))
    query = query.order_by(chunks.c.started, chunks.c.id).limit(1)
    while (row := _locked(connection, query)) is not None:
        if row.attempts < MAX_ATTEMPTS:
            return row.id
        reason = f"ended its process {row.attempts} times"
        _take_apart(connection, row.id, reason)
    return None


def _was_lost() -> ColumnElement[bool]:
    """Ask for chunks whose holder did not give them back."""
    return (chunks.c.owner != "") | chunks.c.reason.in_((KILLED, OTHER_CLOCK))


def _new(
    connection: Connection,
    model_key: str,
    started: str,
    order: Sequence[tuple[int, int]],
) -> str | None:
    other = studies.alias()  # its answer comes first: ours will name it as predecessor
    same = (other.c.study_uid == studies.c.study_uid) & other.c.state.in_(IN_WORK)
    waits = (studies.c.state == FOUND) & (studies.c.model_key == model_key)
    waits &= ~select(other.c.id).where(same).exists()
    for alone, limit in order:
        query = select(studies.c.id).where(waits & (studies.c.alone == alone))
        query = query.order_by(studies.c.id).limit(limit)
        locked = query.with_for_update(skip_locked=True, of=studies)
        if numbers := list(connection.execute(locked).scalars()):
            break
    else:
        return None
    name = _free_name(connection, model_key, numbers)
    row = {"id": name, "model_key": model_key, "started": started, "state": OPEN}
    blank = {"owner": "", "run": "", "lease_until": 0.0, "attempts": 0, "reason": ""}
    connection.execute(insert(chunks).values(row | blank))
    values = {"chunk": name, "state": CLAIMED, "claimed_at": now()}
    connection.execute(update(studies).where(studies.c.id.in_(numbers)).values(values))
    return name


def _free_name(connection: Connection, model_key: str, numbers: list[int]) -> str:
    """Name a chunk by its members: a rebuilt ledger gives the same names."""

    def is_taken(name: str) -> bool:
        known = select(chunks.c.id).where(chunks.c.id == name)
        return connection.execute(known).first() is not None

    return next(name for name in names(model_key, numbers) if not is_taken(name))


def names(model_key: str, numbers: Sequence[int]) -> Iterator[str]:
    """Return the names that a chunk of these studies may have, in their order."""
    return (sha256_json([model_key, numbers, n])[:16] for n in itertools.count())


def _lease(connection: Connection, name: str, run: str, lease_seconds: float) -> Chunk:
    owner = secrets.token_hex(8)
    values = {
        "owner": owner,
        "holder": this_process(),
        "run": run,
        "lease_until": seconds(connection) + lease_seconds,
        "attempts": chunks.c.attempts + 1,
        "reason": "",
        "error": "",
    }
    connection.execute(update(chunks).where(chunks.c.id == name).values(values))
    mine = (studies.c.chunk == name) & (studies.c.state != FORGOTTEN)
    tried = {"run": run, "attempts": studies.c.attempts + 1}
    connection.execute(update(studies).where(mine).values(tried))
    rows = connection.execute(select(studies).where(mine).order_by(studies.c.id))
    members = tuple(
        Claimed(row.id, row.study_uid, tuple(row.images), row.state) for row in rows
    )
    at = connection.execute(select(chunks).where(chunks.c.id == name)).one()
    return Chunk(name, at.model_key, at.started, owner, lease_seconds, members)


def _take_apart(
    connection: Connection, name: str, reason: str, error: str = ""
) -> None:
    """Let each study be tried alone; what is answered and reported stays.

    A rejection that no reading list shows yet is not reported: it comes again, too.
    """
    settle(connection, name)
    mine = studies.c.chunk == name
    reported = select(studies.c.id).where(
        mine & studies.c.state.in_((WRITTEN, DELIVERED))
    )
    is_reported = connection.execute(reported.limit(1)).first() is not None
    states = IN_WORK if is_reported else (*IN_WORK, REJECTED)
    open_ones = select(studies.c.id).where(mine & studies.c.state.in_(states))
    numbers = list(connection.execute(open_ones).scalars())
    close(connection, name, state=DISSOLVED, reason=reason, error=error)
    for number in numbers:
        if len(numbers) == 1:
            set_study(connection, number, state=FAILED, outcome=FAILED, reason=reason)
        else:
            blank = {"state": FOUND, "outcome": "", "chunk": None, "run": ""}
            set_study(connection, number, alone=1, **blank)


def settle(connection: Connection, name: str) -> None:
    """Call a chunk's studies delivered whose every object has its receipt.

    An answer about DICOM films without a report of its own was not delivered: it fails.
    """
    _refuse_unreported(connection, name)
    lacking = (objects.c.study == studies.c.id) & (objects.c.state != DELIVERED)
    mine = (studies.c.chunk == name) & (studies.c.state == WRITTEN)
    complete = mine & ~select(objects).where(lacking).exists()
    values = {"state": DELIVERED, "delivered_at": now()}
    connection.execute(update(studies).where(complete).values(values))


def _refuse_unreported(connection: Connection, name: str) -> None:
    has_report = (objects.c.study == studies.c.id) & (objects.c.kind == REPORT)
    mine = (studies.c.chunk == name) & (studies.c.state == WRITTEN)
    bare = mine & ~select(objects).where(has_report).exists()
    query = select(studies.c.id, studies.c.row).where(bare)
    for number, row in connection.execute(query).all():
        images = (row or {}).get("images", ())
        if any(one["outcome"] == SCORED and one["sop_class_uid"] for one in images):
            values = {"state": FAILED, "outcome": FAILED, "reason": UNREPORTED}
            set_study(connection, number, **values)


def still_ours(connection: Connection, chunk: Chunk) -> None:
    """Renew the lease within this transaction.

    Raises:
        ServiceError: another run took the chunk over.
    """
    mine = (chunks.c.id == chunk.id) & (chunks.c.owner == chunk.owner)
    until = seconds(connection) + chunk.lease_seconds
    query = update(chunks).where(mine & (chunks.c.state == OPEN))
    if not connection.execute(query.values(lease_until=until)).rowcount:
        raise ServiceError(
            f"chunk {chunk.id} was taken over by another run while this one slept; "
            "nothing to do here, the other run finishes it"
        )


def close(connection: Connection, name: str, **values: Any) -> None:
    """End the lease, with these values."""
    done = values | {"owner": "", "holder": "", "lease_until": 0.0}
    connection.execute(update(chunks).where(chunks.c.id == name).values(done))


def _locked(connection: Connection, query: Select[Any]) -> Row[Any] | None:
    return connection.execute(query.with_for_update(skip_locked=True)).first()
