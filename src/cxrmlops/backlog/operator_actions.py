"""What a person decides about studies that wait: try again, or forget."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, insert, select, update

from cxrmlops.backlog.audit import user
from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.lease_holders import free_dead, seconds
from cxrmlops.backlog.ledger import (
    DELIVERED,
    FAILED,
    FORGOTTEN,
    FOUND,
    IN_WORK,
    REJECTED,
    WITHDRAWN,
    dissolve_empty,
    set_study,
)
from cxrmlops.backlog.schema import OPEN, chunks, decisions, studies
from cxrmlops.system.errors import ParamsError

RETRY, FORGET = "retry", "forget"


def retry(engine: Engine, numbers: Sequence[int] = (), *, reason: str) -> int:
    """Put failed studies back on the list, or rejected or forgotten ones by number.

    A rejected one is entered again when the next run finds its films: those that came
    from an archive are fetched again first.

    Args:
        engine: the ledger's database.
        numbers: of studies; none: every failed one.
        reason: kept in the ledger.

    Returns:
        How many were put back.

    Raises:
        ParamsError: no reason, no such study, or one that did not fail and was neither
            rejected nor forgotten; nothing was changed.
    """
    _require(reason)
    with transaction(engine) as connection:
        wanted = studies.c.id.in_(numbers) if numbers else studies.c.state == FAILED
        rows = _locked(connection, wanted, numbers)
        if not numbers:
            rows = [row for row in rows if not _is_replaced(connection, row)]
        for row in rows:
            _require_ended(connection, row)
            back = {"state": FOUND, "reason": ""}
            if row.outcome == REJECTED:
                back = {
                    "state": WITHDRAWN,
                    "reason": "is read when its films are found",
                }
            set_study(connection, row.id, **back, outcome="", chunk=None, run="")
        _note(connection, rows, RETRY, reason)
        return len(rows)


def forget(engine: Engine, numbers: Sequence[int], *, reason: str) -> int:
    """Take studies off the list for good; their rows stay, with this outcome.

    The same films do not come back, whatever the model. A film more makes a new entry.

    Raises:
        ParamsError: no reason, no such study, one that is answered, or one that a run
            works on; nothing was changed.
    """
    _require(reason)
    with transaction(engine) as connection:
        free_dead(connection)
        rows = _locked(connection, studies.c.id.in_(numbers), numbers)
        for row in rows:
            _require_idle(connection, row)
            gone = {"state": FORGOTTEN, "outcome": FORGOTTEN, "reason": reason.strip()}
            set_study(connection, row.id, **gone)
        _take_away(connection, {row.chunk for row in rows if row.chunk})
        _note(connection, rows, FORGET, reason)
        return len(rows)


def latest(engine: Engine, *, count: int = 10) -> list[Row[Any]]:
    """Return the last decisions, oldest first: study, action, reason, user, at."""
    query = select(decisions).order_by(decisions.c.id.desc()).limit(count)
    with transaction(engine) as connection:
        return list(reversed(connection.execute(query).all()))


def _require(reason: str) -> None:
    if not reason.strip():
        raise ParamsError('a decision needs a reason; give one: --reason "..."')


def _locked(
    connection: Connection, wanted: ColumnElement[bool], numbers: Sequence[int]
) -> list[Row[Any]]:
    query = select(studies).where(wanted).order_by(studies.c.id).with_for_update()
    rows = list(connection.execute(query))
    if missing := sorted(set(numbers) - {row.id for row in rows}):
        raise ParamsError(
            f"the ledger knows no study {missing[0]}; see: cxrmlops backlog"
        )
    return rows


def _is_replaced(connection: Connection, row: Row[Any]) -> bool:
    """Return whether the study was entered again, with other films or another model."""
    same = (studies.c.study_uid == row.study_uid) & (studies.c.state != WITHDRAWN)
    waits = studies.c.state.in_((FOUND, *IN_WORK))
    others = same & (studies.c.id != row.id) & ((studies.c.id > row.id) | waits)
    return connection.execute(select(studies.c.id).where(others)).first() is not None


def _require_ended(connection: Connection, row: Row[Any]) -> None:
    ended = row.state in (DELIVERED, REJECTED) and row.outcome == REJECTED
    if row.state not in (FAILED, FORGOTTEN) and not ended:
        raise ParamsError(
            f"study {row.id} is {row.state}; only what failed, was rejected or was "
            "forgotten can be put back"
        )
    if _is_replaced(connection, row):
        raise ParamsError(
            f"study {row.id} was entered again since, with other films or another "
            "model; that entry counts, forget this one"
        )


def _require_idle(connection: Connection, row: Row[Any]) -> None:
    if row.state not in (FOUND, FAILED, *IN_WORK):
        raise ParamsError(
            f"study {row.id} is {row.state}; only what waits or failed can be forgotten"
        )
    leased = chunks.c.lease_until >= seconds(connection)
    held = (chunks.c.id == row.chunk) & leased
    query = select(chunks.c.id).where(held).with_for_update()
    if connection.execute(query).first() is not None:
        raise ParamsError(
            f"a run works on study {row.id} now; forget it when that run has ended"
        )


def _take_away(connection: Connection, names: set[str]) -> None:
    """Close chunks of which all is forgotten; a run that slept loses the others."""
    theirs = chunks.c.id.in_(names) & (chunks.c.state == OPEN)
    connection.execute(update(chunks).where(theirs).values(owner=""))
    dissolve_empty(connection, theirs)


def _note(
    connection: Connection, rows: Sequence[Row[Any]], action: str, reason: str
) -> None:
    said = {"action": action, "reason": reason.strip(), "user": user(), "at": now()}
    for row in rows:
        about = {"study": row.id, "chunk": row.chunk}
        connection.execute(insert(decisions).values(**about, **said))
