"""
What is known of every study: found, and what became of it. Counted in studies.

    found -> claimed -> scored -> written -> delivered
                 |         `-> rejected     nothing could be made of it, and why
                 `-> failed                 `retry` puts it back to found
    found, claimed -> withdrawn             another model took over before the answer

`outcome` is what the model said of it: scored, rejected (no image could be read by the
model; reported like an answer) or failed. Claims are in `claims.py`.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from cxrmlops.backlog.arrivals import Film
from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.schema import chunks, studies
from cxrmlops.errors import DataError
from cxrmlops.files import sha256_json

FOUND, CLAIMED, SCORED, WRITTEN = "found", "claimed", "scored", "written"
DELIVERED, REJECTED, FAILED = "delivered", "rejected", "failed"
WITHDRAWN = "withdrawn"
OPEN, DONE, DISSOLVED = "open", "done", "dissolved"  # of a chunk


@dataclass(frozen=True)
class Stuck:
    """A study that waits for a person."""

    number: int  # the ledger's own; safe to show
    state: str
    reason: str
    since: str  # UTC, ISO 8601


def enter(
    engine: Engine,
    arrived: Mapping[str, Iterable[Film]],
    *,
    model_key: str,
    rescore: bool = False,
) -> int:
    """Put studies on the list of this model and say how many are new.

    The same films of a study are entered once. A film that arrives late makes a new
    entry, unless the study still waits: then it joins the others.

    Args:
        engine: the ledger's database.
        arrived: study UID -> its films.
        model_key: the model that will answer.
        rescore: also enter what another model has answered already.
    """
    with transaction(engine) as connection:
        _withdraw_others(connection, model_key)
        return sum(
            _enter_one(connection, uid, list(those), model_key, rescore)
            for uid, those in arrived.items()
        )


def _enter_one(
    connection: Connection, uid: str, those: list[Film], model_key: str, rescore: bool
) -> int:
    uids = sorted({film.sop_instance_uid or film.study_uid for film in those})
    content = {
        "source_key": sha256_json(uids),
        "films": sorted(film.place for film in those),
    }
    rows = connection.execute(select(studies).where(studies.c.study_uid == uid)).all()
    mine = [row for row in rows if row.model_key == model_key]
    same = [row for row in rows if row.source_key == content["source_key"]]
    if any(row.outcome not in ("", FAILED) for row in same) and not rescore:
        return 0
    waiting_row = next((row for row in mine if row.state == FOUND), None)
    if waiting_row is not None:  # a film more, or moved
        set_study(connection, waiting_row.id, **content)
        return 0
    known = next((row for row in mine if row in same), None)
    if known is None:
        blank = {"state": FOUND, "outcome": "", "reason": "", "alone": 0, "run": ""}
        row = {"study_uid": uid, "model_key": model_key, "found_at": now()}
        connection.execute(insert(studies).values(content | blank | row))
        return 1
    if known.state != WITHDRAWN:
        return 0
    set_study(connection, known.id, **content, state=FOUND, reason="")
    return 1


def _withdraw_others(connection: Connection, model_key: str) -> None:
    """Take unscored studies off the lists of models that are no longer in use."""
    idle = (chunks.c.lease_until < time.time()) & (chunks.c.state == OPEN)
    left = select(chunks.c.id).where(idle & (chunks.c.model_key != model_key))
    waits = (studies.c.state == FOUND) & (studies.c.model_key != model_key)
    claimed = (studies.c.state == CLAIMED) & studies.c.chunk.in_(left)
    values = {"state": WITHDRAWN, "reason": "another model is in use", "chunk": None}
    connection.execute(update(studies).where(waits | claimed).values(values))
    empty = ~select(studies).where(studies.c.chunk == chunks.c.id).exists()
    query = update(chunks).where(chunks.c.id.in_(left) & empty)
    connection.execute(query.values(state=DISSOLVED))


def set_study(connection: Connection, number: int, **values: Any) -> None:
    """Change one study's row."""
    connection.execute(update(studies).where(studies.c.id == number).values(values))


def counts(engine: Engine) -> dict[str, int]:
    """Count studies by state."""
    with transaction(engine) as connection:
        rows = connection.execute(
            select(studies.c.state, func.count()).group_by(studies.c.state)
        )
        return {state: n for state, n in rows}


def stuck(engine: Engine) -> list[Stuck]:
    """Name what failed, and what was claimed and then left with a reason."""
    with transaction(engine) as connection:
        rows = connection.execute(
            select(studies, chunks.c.reason.label("chunk_reason"))
            .outerjoin(chunks, chunks.c.id == studies.c.chunk)
            .where(
                (studies.c.state == FAILED)
                | (
                    studies.c.state.in_([CLAIMED, SCORED, WRITTEN])
                    & (chunks.c.reason != "")
                )
            )
            .order_by(studies.c.id)
        )
        return [
            Stuck(
                number=row.id,
                state=row.state,
                reason=row.reason or row.chunk_reason,
                since=row.claimed_at or row.found_at,
            )
            for row in rows
        ]


def retry(engine: Engine) -> int:
    """Put failed studies back on the list and say how many."""
    with transaction(engine) as connection:
        values = {"state": FOUND, "outcome": "", "reason": "", "chunk": None}
        return connection.execute(
            update(studies).where(studies.c.state == FAILED).values(values)
        ).rowcount


def check_balance(engine: Engine, run: str) -> dict[str, int]:
    """Count what became of the studies that a run claimed.

    Returns:
        `in`, `scored`, `rejected`, `failed`; in = scored + rejected + failed.

    Raises:
        DataError: a study has no outcome.
    """
    tally = {"in": 0, SCORED: 0, REJECTED: 0, FAILED: 0}
    with transaction(engine) as connection:
        mine = select(studies.c.outcome).where(studies.c.run == run)
        for outcome in connection.execute(mine).scalars():
            tally["in"] += 1
            if outcome:
                tally[outcome] += 1
    if tally["in"] != tally[SCORED] + tally[REJECTED] + tally[FAILED]:
        said = ", ".join(f"{name} {n}" for name, n in tally.items())
        raise DataError(
            f"this run does not balance: {said}; the others wait, see: cxrmlops backlog"
        )
    return tally


def finished_chunks(engine: Engine, run: str) -> list[str]:
    """Name the chunks that a run finished, in the order of their first study."""
    with transaction(engine) as connection:
        mine = (chunks.c.run == run) & (chunks.c.state == DONE)
        query = (
            select(chunks.c.id)
            .join(studies, studies.c.chunk == chunks.c.id)
            .where(mine)
            .group_by(chunks.c.id)
            .order_by(func.min(studies.c.id))
        )
        return list(connection.execute(query).scalars())


def left_open(engine: Engine, run: str) -> list[str]:
    """Say why chunks that a run claimed are not delivered; empty: all are."""
    with transaction(engine) as connection:
        mine = (chunks.c.run == run) & (chunks.c.state == OPEN)
        query = (
            select(chunks.c.reason, func.count())
            .join(studies, studies.c.chunk == chunks.c.id)
            .where(mine)
            .group_by(chunks.c.reason)
        )
        rows = connection.execute(query).all()
    return [f"{n} studies wait: {reason or 'no reason given'}" for reason, n in rows]


def histogram(engine: Engine, run: str) -> dict[str, int]:
    """Count a run's scored studies by probability, in tenths; nobody is named."""
    with transaction(engine) as connection:
        mine = (studies.c.run == run) & (studies.c.outcome == SCORED)
        rows = connection.execute(select(studies.c.row).where(mine)).scalars().all()
    tenths = [min(int(10 * row["study"]["probability"]), 9) for row in rows]
    return {f"{n / 10:.1f}-{(n + 1) / 10:.1f}": tenths.count(n) for n in range(10)}
