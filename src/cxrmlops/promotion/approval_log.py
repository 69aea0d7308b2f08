"""
Who let which model in or kept it out, and who let answers out, when and why.

Rows are only ever added.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select

from cxrmlops.backlog import audit
from cxrmlops.backlog.database import (
    HISTORY_LOCK,
    lock,
    now,
    open_database,
    transaction,
)
from cxrmlops.backlog.schema import history, looks
from cxrmlops.system.files import sha256_json

SIGNED = "signed"  # the first of two people; nothing has changed yet
APPROVED = "approved"
ROLLED_BACK = "rolled back"
REFUSED = "refused"  # and why; nothing has changed
CHANGES = (APPROVED, ROLLED_BACK)  # of the model in use
STAGE = "stage "  # and a stage of the roll-out, which is the site's from then on
STAGE_SIGNED = "signed for stage "  # likewise, by the first of two people
CHALLENGER = "challenger"  # reads along from then on
CHALLENGER_ENDED = "challenger ended"


@dataclass(frozen=True)
class Entry:
    """One decision."""

    number: int  # from 1, without gaps
    event: str
    version: str  # of a stage: the one in use at that time, "" none
    bundle_hash: str
    name: str  # of the person, or of the program that refused
    reason: str
    at: str  # UTC, ISO 8601
    seal: str  # SHA-256 of this row and the seal before it


class Book:
    """The history while nobody else can write into it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.added: list[Entry] = []

    def entries(self) -> list[Entry]:
        """Return every decision, oldest first."""
        rows = self._connection.execute(select(history).order_by(history.c.number))
        return [Entry(**row._mapping) for row in rows]

    def add(
        self, event: str, *, version: str, bundle_hash: str, name: str, reason: str
    ) -> None:
        """Add a row below the last one and seal it."""
        last = next(reversed(self.entries()), None)
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
        self._connection.execute(insert(history).values(**row, seal=seal))
        self.added.append(self.entries()[-1])


@contextmanager
def open_book(url: str | None = None) -> Iterator[Book]:
    """Let one process at a time decide; its rows stay only if the block succeeds.

    What changes the model in use goes inside, so that the next one sees both.
    """
    with transaction(open_database(url)) as connection:
        lock(connection, HISTORY_LOCK)
        book = Book(connection)
        yield book
    if changes := [_told(row) for row in book.added if _is_change(row)]:
        audit.record(changes)


def in_use(rows: Sequence[Entry]) -> str:
    """Return the hash of the bundle that the last change put in use; "" at first."""
    changes = [row.bundle_hash for row in rows if row.event in CHANGES]
    return changes[-1] if changes else ""


def signatures(rows: Sequence[Entry], bundle_hash: str) -> list[Entry]:
    """Return who has signed for this bundle and waits for another person.

    A signature is about one bundle against the one in use: once that changes, it is
    void.
    """
    since = max((row.number for row in rows if row.event in CHANGES), default=0)
    return [
        row
        for row in rows
        if row.number > since and row.event == SIGNED and row.bundle_hash == bundle_hash
    ]


def entries(url: str | None = None) -> list[Entry]:
    """Return every decision, oldest first."""
    with transaction(open_database(url)) as connection:
        return Book(connection).entries()


def waiting(rows: Sequence[Entry]) -> list[Entry]:
    """Return the signatures that another person's is awaited for, oldest first."""
    return [row for row in rows if row in signatures(rows, row.bundle_hash)]


def first_broken(rows: list[Entry]) -> int | None:
    """Return the number of the first row that was changed or removed; None: all hold.

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


def _is_change(row: Entry) -> bool:
    """Return whether a row changes what a night does."""
    reads_along = (CHALLENGER, CHALLENGER_ENDED)
    return row.event in (*CHANGES, *reads_along) or row.event.startswith(STAGE)


def _told(row: Entry) -> audit.Event:
    return audit.Event(
        audit.SECURITY_ALERT,
        audit.EXECUTE,
        audit.SOFTWARE_CONFIGURATION,
        decision=row.event,
        user=row.name,
        model_key=row.bundle_hash,
    )


def _seal(row: dict[str, object], before: str) -> str:
    return sha256_json([before, row])
