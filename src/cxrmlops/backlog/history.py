"""Who put which model in use, when and why. Rows are added, never changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import func, insert, select

from cxrmlops.backlog import audit
from cxrmlops.backlog.database import (
    HISTORY_LOCK,
    lock,
    now,
    open_database,
    transaction,
)
from cxrmlops.backlog.schema import history, looks
from cxrmlops.errors import ParamsError
from cxrmlops.files import sha256_json

APPROVED = "approved"
ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Entry:
    """One decision."""

    number: int  # from 1, without gaps
    event: str
    version: str
    bundle_hash: str
    name: str  # of the person
    reason: str
    at: str  # UTC, ISO 8601
    seal: str  # SHA-256 of this row and the seal before it


@contextmanager
def recorded(
    event: str,
    *,
    version: str,
    bundle_hash: str,
    name: str,
    reason: str,
    url: str | None = None,
) -> Iterator[None]:
    """Add a row that stays only if the block succeeds; the change goes inside.

    Raises:
        ParamsError: nobody says who decides, or why.
    """
    if not name.strip() or not reason.strip():
        raise ParamsError(
            "a model goes in or out of use with a name and a reason; give both: "
            '--name "..." --reason "..."'
        )
    with transaction(open_database(url)) as connection:
        lock(connection, HISTORY_LOCK)
        newest = select(history).order_by(history.c.number.desc()).limit(1)
        last = connection.execute(newest).first()
        row = {
            "number": last.number + 1 if last else 1,
            "event": event,
            "version": version,
            "bundle_hash": bundle_hash,
            "name": name.strip(),
            "reason": reason.strip(),
            "at": now(),
        }
        seal = _seal(row, last.seal if last else "")
        connection.execute(insert(history).values(**row, seal=seal))
        yield
    audit.record(
        [
            audit.Event(
                audit.SECURITY_ALERT,
                audit.EXECUTE,
                audit.SOFTWARE_CONFIGURATION,
                user=name.strip(),
                model_key=bundle_hash,
            )
        ]
    )


def entries(url: str | None = None) -> list[Entry]:
    """Give every decision, oldest first."""
    with transaction(open_database(url)) as connection:
        rows = connection.execute(select(history).order_by(history.c.number))
        return [Entry(**row._mapping) for row in rows]


def first_broken(rows: list[Entry]) -> int | None:
    """Give the number of the first row that was changed or removed; None: all hold.

    Rows removed from the end leave no trace in the others: keep the last seal
    elsewhere if that matters.
    """
    before = ""
    for number, row in enumerate(rows, start=1):
        facts = asdict(row)
        seal = facts.pop("seal")
        if row.number != number or seal != _seal(facts, before):
            return number
        before = seal
    return None


def count_look(bundle_hash: str, test_hash: str, *, url: str | None = None) -> int:
    """Note that this model was measured on this test set; count the set's models.

    The same pair counts once: reading an old figure again is no new look.
    """
    with transaction(open_database(url)) as connection:
        pair = (looks.c.bundle_hash == bundle_hash) & (looks.c.test_hash == test_hash)
        if connection.execute(select(looks).where(pair)).first() is None:
            row = {"bundle_hash": bundle_hash, "test_hash": test_hash, "at": now()}
            connection.execute(insert(looks).values(row))
        seen = select(func.count()).where(looks.c.test_hash == test_hash)
        return connection.execute(seen).scalar_one()


def _seal(row: dict[str, object], before: str) -> str:
    return sha256_json([before, row])
