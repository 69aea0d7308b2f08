"""What became of the studies that a night worked on, and what waits. Counts only."""

from collections import Counter

from sqlalchemy import Engine, func, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.ledger import (
    FAILED,
    FOUND,
    IN_WORK,
    REJECTED,
    SCORED,
    WITHDRAWN,
)
from cxrmlops.backlog.schema import studies

WAITING = "waiting"
TROUBLES = (REJECTED, FAILED)


def count_since(engine: Engine, began: str) -> dict[str, int]:
    """Count the studies that were claimed since a moment, by outcome.

    Args:
        engine: the ledger's database.
        began: UTC, ISO 8601, to the millisecond.

    Returns:
        `in`, `scored`, `rejected`, `failed` and `waiting`; `in` is the sum of the rest.
    """
    mine = (studies.c.claimed_at >= began) & (studies.c.state != WITHDRAWN)
    query = select(studies.c.outcome, func.count()).where(mine)
    found = Counter[str]()
    with transaction(engine) as connection:
        for outcome, n in connection.execute(query.group_by(studies.c.outcome)):
            found[outcome or WAITING] += n
    names = (SCORED, REJECTED, FAILED, WAITING)
    counts = {name: found[name] for name in names}
    return {"in": sum(counts.values())} | counts


def count_progress(engine: Engine, run: str, model_key: str) -> tuple[int, int]:
    """Count the studies that a run has an outcome of, and all that it has to do.

    Args:
        engine: the ledger's database.
        run: this nightly run.
        model_key: the model in use, for what nobody has claimed yet.
    """
    mine = (studies.c.run == run) & (studies.c.state != WITHDRAWN)
    waits = (studies.c.state == FOUND) & (studies.c.model_key == model_key)
    query = select(studies.c.outcome, func.count()).where(mine | waits)
    with transaction(engine) as connection:
        rows = connection.execute(query.group_by(studies.c.outcome))
        by_outcome = {outcome: int(n) for outcome, n in rows}
    of = sum(by_outcome.values())
    return of - by_outcome.get("", 0), of


def count_reasons(engine: Engine, run: str) -> tuple[Counter[str], Counter[str]]:
    """Count why studies of a run were rejected, by code, and failed, by sentence."""
    query = select(studies.c.outcome, studies.c.reason, func.count())
    query = query.where((studies.c.run == run) & studies.c.outcome.in_(TROUBLES))
    counts: dict[str, Counter[str]] = {name: Counter() for name in TROUBLES}
    with transaction(engine) as connection:
        rows = connection.execute(query.group_by(studies.c.outcome, studies.c.reason))
        for outcome, reason, n in rows:
            counts[outcome][reason] += n
    return counts[REJECTED], counts[FAILED]


def answered_by_others(engine: Engine, model_key: str) -> set[str]:
    """Return the UIDs of studies that other models have answered, and not this one."""
    answered = studies.c.outcome.in_((SCORED, REJECTED))
    ours = studies.c.model_key == model_key
    query = select(studies.c.study_uid).where(answered)
    with transaction(engine) as connection:
        others = set(connection.execute(query.where(~ours)).scalars())
        return others - set(connection.execute(query.where(ours)).scalars())


def count_open(engine: Engine) -> dict[str, int]:
    """Count what waits for a run, and what failed and waits for a person."""
    query = select(studies.c.state, func.count()).group_by(studies.c.state)
    with transaction(engine) as connection:
        by_state = {state: int(n) for state, n in connection.execute(query)}
    waiting = sum(by_state.get(state, 0) for state in (FOUND, *IN_WORK))
    return {WAITING: waiting, FAILED: by_state.get(FAILED, 0)}
