"""Every study that is not done, and why: nothing waits unseen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, or_, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.lease_holders import KILLED, free_dead, seconds
from cxrmlops.backlog.ledger import FAILED, FOUND, IN_WORK, REJECTED, WITHDRAWN
from cxrmlops.backlog.schema import chunks, studies

NEXT = "no run has read it yet"
ALONE = "its chunk was taken apart; the next run reads it alone"
BEFORE = "waits until the answer before it is delivered"
HELD = "a run works on it"
NOTES = ", see "  # before the place of what an error said, in a reason
CONFUSED = ("patient_mismatch", "uid_conflict")  # reasons that a person must clear up


@dataclass(frozen=True)
class OpenStudy:
    """A study that waits for a run, or for a person."""

    study: int  # the ledger's own number; safe to show
    state: str  # found, claimed, scored, written, failed or withdrawn
    since: str  # UTC, ISO 8601: when it came into this state
    reason: str
    attempts: int  # times it was claimed
    waits_for_person: bool  # it has failed; `retry` or `forget` are decisions


def open_studies(engine: Engine, *, run: str | None = None) -> list[OpenStudy]:
    """Name the studies that are not delivered, rejected or forgotten.

    A withdrawn one counts where no other entry of its study is on any list.

    Args:
        engine: the ledger's database.
        run: only those that this run claimed last; None: every one.
    """
    wanted = studies.c.state.in_((FOUND, FAILED, *IN_WORK)) | _is_left()
    if run is not None:
        wanted &= studies.c.run == run
    return _named(engine, wanted)


def confused_studies(engine: Engine) -> list[OpenStudy]:
    """Name the rejected studies whose files contradict each other, till they change."""
    other = studies.alias()
    newer = (other.c.study_uid == studies.c.study_uid) & (other.c.id > studies.c.id)
    newer &= other.c.state != WITHDRAWN
    why = or_(*(studies.c.reason.contains(reason) for reason in CONFUSED))
    rejected = (studies.c.outcome == REJECTED) & why
    return _named(engine, rejected & ~select(other.c.id).where(newer).exists())


def _named(engine: Engine, wanted: ColumnElement[bool]) -> list[OpenStudy]:
    with transaction(engine) as connection:
        free_dead(connection)
        query = (
            select(
                studies,
                chunks.c.reason.label("chunk_reason"),
                (chunks.c.lease_until >= seconds(connection)).label("is_held"),
            )
            .outerjoin(chunks, chunks.c.id == studies.c.chunk)
            .where(wanted)
            .order_by(studies.c.id)
        )
        busy = _in_work(connection)
        return [_opened(row, busy) for row in connection.execute(query)]


def _is_left() -> ColumnElement[bool]:
    """Ask for withdrawn studies of which no other entry is on any list."""
    other = studies.alias()
    newer = (other.c.state != WITHDRAWN) | (other.c.id > studies.c.id)
    same = (other.c.study_uid == studies.c.study_uid) & (other.c.id != studies.c.id)
    found = select(other.c.id).where(same & newer).exists()
    return (studies.c.state == WITHDRAWN) & ~found


def reason_in_full(reason: str) -> str:
    """Put what an error said into a reason that names its private notes.

    For the terminal of the person who may read those notes, and for nothing that is
    kept: it may name a patient's file.
    """
    kind, sign, rest = reason.partition(NOTES)
    place = rest.partition(";")[0].strip()
    try:
        lines = Path(place).read_text(errors="replace").strip().splitlines()
    except OSError:  # no notes, another machine's, or another person's
        return reason
    said = lines[-1].rpartition(f"{kind}: ")[2] if sign and lines else ""
    return f"{kind}: {said}{sign}{rest}" if said not in ("", kind) else reason


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
    if row.state in IN_WORK:
        return HELD if row.is_held else row.chunk_reason or KILLED
    if row.state != FOUND:
        return str(row.reason)
    if row.study_uid in busy:
        return BEFORE
    return ALONE if row.alone else NEXT


def _since(row: Row[Any]) -> str:
    """Return the last time that is known; a failure has none of its own."""
    steps = (row.written_at, row.scored_at, row.claimed_at, row.found_at)
    return str(next(filter(None, steps)))
