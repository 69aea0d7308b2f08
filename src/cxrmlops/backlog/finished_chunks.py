"""Chunks whose files nobody needs any more: every study in them is at its end."""

from sqlalchemy import Engine, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.ledger import DELIVERED, FOUND, IN_WORK, REJECTED
from cxrmlops.backlog.schema import DISSOLVED, DONE, OPEN, chunks, studies


def finished_chunks(engine: Engine, before: str) -> set[str]:
    """Name chunks that are done, and that a reading list has shown long enough.

    Args:
        engine: the ledger's database.
        before: UTC, ISO 8601: shown first before this moment.
    """
    mine = studies.c.chunk == chunks.c.id
    works = select(studies.c.id).where(mine & studies.c.state.in_((FOUND, *IN_WORK)))
    kept = select(studies.c.id).where(mine & studies.c.state.in_((DELIVERED, REJECTED)))
    # one that was taken apart and has reported nothing stands on no list
    empty = (
        (chunks.c.state == DISSOLVED) & chunks.c.listed_at.is_(None) & ~kept.exists()
    )
    shown = chunks.c.state.in_((DONE, DISSOLVED)) & (chunks.c.listed_at < before)
    query = select(chunks.c.id).where((shown | empty) & ~works.exists())
    with transaction(engine) as connection:
        return set(connection.execute(query).scalars())


def open_chunks(engine: Engine) -> set[str]:
    """Name the chunks that a night has still to finish."""
    query = select(chunks.c.id).where(chunks.c.state == OPEN)
    with transaction(engine) as connection:
        return set(connection.execute(query).scalars())


def known_chunks(engine: Engine) -> set[str]:
    """Name every chunk."""
    with transaction(engine) as connection:
        return set(connection.execute(select(chunks.c.id)).scalars())
