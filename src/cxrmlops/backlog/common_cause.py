"""
Whether a run fails for one reason that has nothing to do with its studies.

A broken worker, a missing library or a wrong setting fails every chunk. Without a stop
each would be taken apart and each study be blamed alone, for nothing. So after a first
failure studies are tried alone, and where the first few tries of a run have all failed
by the same kind of error and nothing has succeeded, the run ends and leaves the rest.
What has failed alone stays failed: the next run passes it, should it be to blame.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.ledger import DELIVERED, FOUND, REJECTED
from cxrmlops.backlog.schema import DISSOLVED, chunks, studies

TRIES = 3  # chunks, or studies alone


@dataclass(frozen=True)
class Attempts:
    """How a run goes so far."""

    is_in_doubt: bool  # chunks failed, and nothing has succeeded
    cause: str  # kind of error that every try failed by; "" the run goes on


def attempts_of(connection: Connection, run: str) -> Attempts:
    """Look at the tries of a run."""
    failed = (chunks.c.run == run) & (chunks.c.state == DISSOLVED)
    query = select(chunks.c.error, func.count()).where(failed & (chunks.c.error != ""))
    errors = dict(connection.execute(query.group_by(chunks.c.error)).tuples().all())
    if not errors:
        return Attempts(is_in_doubt=False, cause="")
    done = (studies.c.run == run) & studies.c.state.in_((DELIVERED, REJECTED))
    if connection.execute(select(studies.c.id).where(done).limit(1)).first():
        return Attempts(is_in_doubt=False, cause="")
    (cause, tries), *others = errors.items()
    is_common = not others and tries >= TRIES
    return Attempts(is_in_doubt=True, cause=cause if is_common else "")


def why_stopped(engine: Engine, run: str, model_key: str) -> str:
    """Return why a run ended before its work was done, in a sentence; "" it did not."""
    with transaction(engine) as connection:
        cause = attempts_of(connection, run).cause
        waits = (studies.c.state == FOUND) & (studies.c.model_key == model_key)
        count = select(func.count()).select_from(studies).where(waits)
        left = connection.execute(count).scalar_one()
        if not cause or not left:
            return ""
        mine = (chunks.c.run == run) & (chunks.c.error == cause)
        tries = connection.execute(
            select(func.count(), func.max(chunks.c.reason)).where(mine)
        ).one()
    return (
        f"stopped: all of the first {tries[0]} tries failed alike ({tries[1]}); "
        f"{left} studies were left and wait; repair that, then run again"
    )
