"""
One scheduled night at a time, and late ones fall into one.

In place of a limit in Prefect: there a run whose process was killed counts as running
for good (Prefect #16746), and every later night would wait for it. Here a night holds a
lease, as its chunks do: it ends with its process, or soon after its last sign of life.
Nights that overlap would do no harm, only the same work in each other's way.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update

from cxrmlops.backlog.database import NIGHT_LOCK, lock, now, transaction
from cxrmlops.backlog.lease_holders import (
    LEASE_SECONDS,
    is_alive,
    seconds,
    this_process,
)
from cxrmlops.backlog.lease_renewal import renewed
from cxrmlops.backlog.schema import nights
from cxrmlops.system.errors import ServiceError


@dataclass(frozen=True)
class Begun:
    """Whether a night may begin."""

    at_work: str = ""  # since when another is, UTC, ISO 8601; "" none
    taken_by: str = ""  # when one began after this one was due, and did its work
    killed: tuple[str, ...] = ()  # flow runs whose death is seen now

    @property
    def may_work(self) -> bool:
        """Return whether this is the night that works."""
        return not (self.at_work or self.taken_by)


def begin(engine: Engine, flow_run: str, *, due: str = "") -> Begun:
    """Begin a night, unless another is at work or has done its work.

    Args:
        engine: the ledger's database.
        flow_run: as Prefect calls it.
        due: when it should have begun, UTC, ISO 8601; "" it is wanted for itself.
    """
    with transaction(engine) as connection:
        lock(connection, NIGHT_LOCK)
        killed = _end_dead(connection)
        others = nights.c.flow_run != flow_run
        at_work = others & nights.c.ended_at.is_(None)
        later = others & (nights.c.began_at > due) & (nights.c.is_killed == 0)
        for name, asked, wanted in (
            ("at_work", at_work, True),
            ("taken_by", later, bool(due)),
        ):
            query = select(nights.c.began_at).where(asked).limit(1)
            if wanted and (began := connection.execute(query).scalar()):
                return Begun(killed=killed, **{name: began})
        values = {
            "began_at": now(),
            "ended_at": None,
            "is_killed": 0,
            "holder": this_process(),
            "lease_until": seconds(connection) + LEASE_SECONDS,
        }
        mine = update(nights).where(nights.c.flow_run == flow_run).values(values)
        if not connection.execute(mine).rowcount:
            connection.execute(insert(nights).values(values | {"flow_run": flow_run}))
    return Begun(killed=killed)


@contextmanager
def held(engine: Engine, flow_run: str) -> Iterator[None]:
    """Renew the lease from a thread while the block works, then end the night."""
    mine = nights.c.flow_run == flow_run

    def renew() -> None:
        with suppress(ServiceError), transaction(engine) as connection:  # work says so
            until = seconds(connection) + LEASE_SECONDS
            connection.execute(update(nights).where(mine).values(lease_until=until))

    try:
        with renewed("night", renew, seconds=LEASE_SECONDS):
            yield
    finally:
        with transaction(engine) as connection:
            connection.execute(update(nights).where(mine).values(ended_at=now()))


def _end_dead(connection: Connection) -> tuple[str, ...]:
    """End nights whose process is gone, or gave no sign of life; name their runs."""
    at = seconds(connection)
    query = select(nights).where(nights.c.ended_at.is_(None))
    dead = tuple(
        row.flow_run
        for row in connection.execute(query)
        if row.lease_until < at or is_alive(row.holder) is False
    )
    values = {"ended_at": now(), "is_killed": 1}
    these = nights.c.flow_run.in_(dead)
    connection.execute(update(nights).where(these).values(values))
    return dead
