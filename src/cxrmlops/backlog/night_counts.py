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


def count_open(engine: Engine) -> dict[str, int]:
    """Count what waits for a run, and what failed and waits for a person."""
    query = select(studies.c.state, func.count()).group_by(studies.c.state)
    with transaction(engine) as connection:
        by_state = {state: int(n) for state, n in connection.execute(query)}
    waiting = sum(by_state.get(state, 0) for state in (FOUND, *IN_WORK))
    return {WAITING: waiting, FAILED: by_state.get(FAILED, 0)}
