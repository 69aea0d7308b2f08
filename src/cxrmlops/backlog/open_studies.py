"""Every study that is not done, and why: nothing waits unseen."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.ledger import FAILED, FOUND, IN_WORK
from cxrmlops.backlog.owners import KILLED, free_dead, seconds
from cxrmlops.backlog.schema import chunks, studies

NEXT = "no run has read it yet"
ALONE = "its chunk was taken apart; the next run reads it alone"
BEFORE = "waits until the answer before it is delivered"
HELD = "a run works on it"


@dataclass(frozen=True)
class OpenStudy:
    """A study that waits for a run, or for a person."""

    study: int  # the ledger's own number; safe to show
    state: str  # found, claimed, scored, written or failed
    since: str  # UTC, ISO 8601: when it came into this state
    reason: str
    attempts: int  # times it was claimed
    waits_for_person: bool  # it has failed; `retry` or `forget` are decisions


def open_studies(engine: Engine, *, run: str | None = None) -> list[OpenStudy]:
    """Name the studies that are not delivered, rejected, withdrawn or forgotten.

    Args:
        engine: the ledger's database.
        run: only those that this run claimed last; None: every one.
    """
    with transaction(engine) as connection:
        free_dead(connection)
        now = seconds(connection)
        query = (
            select(
                studies,
                chunks.c.reason.label("chunk_reason"),
                (chunks.c.lease_until >= now).label("is_held"),
            )
            .outerjoin(chunks, chunks.c.id == studies.c.chunk)
            .where(studies.c.state.in_((FOUND, FAILED, *IN_WORK)))
            .order_by(studies.c.id)
        )
        if run is not None:
            query = query.where(studies.c.run == run)
        busy = _in_work(connection)
        return [_opened(row, busy) for row in connection.execute(query)]


def numbered(numbers: list[int]) -> str:
    """Write ascending numbers shortly: [1, 2, 3, 7] is "1-3, 7"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in spans)


def _in_work(connection: Connection) -> set[str]:
    query = select(studies.c.study_uid).where(studies.c.state.in_(IN_WORK))
    return set(connection.execute(query).scalars())


def _opened(row: Row[Any], busy: set[str]) -> OpenStudy:
    return OpenStudy(
        study=row.id,
        state=row.state,
        since=_since(row),
        reason=_why(row, busy),
        attempts=row.attempts,
        waits_for_person=row.state == FAILED,
    )


def _why(row: Row[Any], busy: set[str]) -> str:
    if row.state == FAILED:
        return str(row.reason)
    if row.state in IN_WORK:
        return HELD if row.is_held else row.chunk_reason or KILLED
    if row.study_uid in busy:
        return BEFORE
    return ALONE if row.alone else NEXT


def _since(row: Row[Any]) -> str:
    """Give the last time that is known; a failure has none of its own."""
    steps = (row.written_at, row.scored_at, row.claimed_at, row.found_at)
    return str(next(filter(None, steps)))
