"""
Whether everything that came in has exactly one outcome, checked when a run ends.

A run is asked for its studies and their files; the rows must also agree with each
other, so that a row that was lost or changed is found and not passed over.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.leases import REPORT, names
from cxrmlops.backlog.ledger import (
    DELIVERED,
    FAILED,
    FORGOTTEN,
    IN_WORK,
    REJECTED,
    SCORED,
    WITHDRAWN,
)
from cxrmlops.backlog.operator_actions import RETRY
from cxrmlops.backlog.schema import DONE, OPEN, chunks, decisions, objects, studies
from cxrmlops.system.errors import DataError

WAITING = "waiting"  # in a chunk that was given back
NOTHING = "without an outcome"
# States in which a study may rest, and the outcomes that go with each.
AT_REST = {
    DELIVERED: (SCORED, REJECTED),
    REJECTED: (REJECTED,),
    FAILED: (FAILED,),
    WITHDRAWN: ("",),
    FORGOTTEN: (FORGOTTEN,),
}
ROWS_AT_ONCE = 200  # a long night must not fill the memory


@dataclass(frozen=True)
class Balance:
    """What became of what a run claimed; `in` is the sum of the others."""

    studies: dict[str, int]
    files: dict[str, int]


def check_balance(engine: Engine, run: str) -> Balance:
    """Count the studies that a run claimed, and their files, by outcome.

    Returns:
        `in`, `scored`, `rejected` and `failed` of each; `waiting`, `withdrawn` and
        `forgotten` only where there are any.

    Raises:
        DataError: a study or a file has no outcome or two, or rows contradict each
            other.
    """
    by_study, by_file = Counter[str](), Counter[str]()
    with transaction(engine) as connection:
        faults = _broken_chunks(connection, run) + _unsent(connection, run)
        faults += _other_models(connection, run)
        open_chunks, reported = _open_chunks(connection), _reported(connection, run)
        query = select(studies).where(studies.c.run == run)
        for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query):
            outcome = _outcome(row, open_chunks)
            by_study[outcome] += 1
            by_file.update(_files(row, outcome))
            faults.update(_contradictions(row, outcome, reported))
    if faults:
        wrong = ", ".join(f"{n} {what}" for what, n in sorted(faults.items()))
        raise DataError(
            f"this run does not balance: {_said(_tally(by_study))}; {wrong}; "
            "see: cxrmlops backlog"
        )
    return Balance(_tally(by_study), _tally(by_file))


def _outcome(row: Row[Any], open_chunks: set[str]) -> str:
    if row.state in AT_REST and row.outcome in AT_REST[row.state]:
        return row.outcome or WITHDRAWN
    return WAITING if row.state in IN_WORK and row.chunk in open_chunks else NOTHING


def _files(row: Row[Any], outcome: str) -> list[str]:
    """Return the outcome of each file: the model's word, else that of its study."""
    images = (row.row or {}).get("images")
    if outcome not in (SCORED, REJECTED) or images is None:
        return [outcome] * len(row.images)
    return [image["outcome"] for image in images]


def _contradictions(row: Row[Any], outcome: str, reported: set[int]) -> Iterator[str]:
    """Name what is wrong with a study's row, and its files."""
    if outcome == NOTHING:
        yield f"studies {NOTHING}"
    if outcome not in (SCORED, REJECTED) or not row.row:
        return
    said = row.row.get("study", {"outcome": REJECTED, "model_key": row.model_key})
    if said["outcome"] != outcome:
        yield "studies with another outcome than their answer"
    if said["model_key"] != row.model_key:
        yield "studies with an answer of another model"
    images = row.row.get("images", [])
    if not _is_each_file_once(images, row.images):
        yield "studies whose files have no outcome or two"
    dicom = any(one["outcome"] == SCORED and one["sop_class_uid"] for one in images)
    if dicom and row.id not in reported:
        yield "answers without a report"


def _is_each_file_once(images: list[dict[str, Any]], places: list[str]) -> bool:
    read = sorted(image["path"] for image in images)
    return (
        len(read) == len(places)
        and all(map(str.endswith, read, sorted(places)))  # below the backlog folder
        and {image["outcome"] for image in images} <= {SCORED, REJECTED}
    )


def _other_models(connection: Connection, run: str) -> Counter[str]:
    """Count studies that the ledger gives to another model than their chunk."""
    query = (
        select(studies.c.id)
        .join(chunks, chunks.c.id == studies.c.chunk)
        .where((studies.c.run == run) & (studies.c.model_key != chunks.c.model_key))
    )
    rows = connection.execute(query).all()
    return Counter("studies in a chunk of another model" for _ in rows)


def _open_chunks(connection: Connection) -> set[str]:
    query = select(chunks.c.id).where(chunks.c.state == OPEN)
    return set(connection.execute(query).scalars())


def _broken_chunks(connection: Connection, run: str) -> Counter[str]:
    """Count finished chunks whose studies are not those that their name says."""
    known = set(connection.execute(select(chunks.c.id)).scalars())
    mine = (chunks.c.run == run) & (chunks.c.state == DONE)
    query = (
        select(chunks.c.id, chunks.c.model_key, studies.c.id)
        .outerjoin(studies, studies.c.chunk == chunks.c.id)
        .where(mine)
        .order_by(studies.c.id)
    )
    members: dict[tuple[str, str], set[int]] = {}
    for name, model_key, number in connection.execute(query):
        members.setdefault((name, model_key), set()).add(number)
    left = select(decisions.c.chunk, decisions.c.study).where(
        (decisions.c.action == RETRY) & decisions.c.chunk.in_([n for n, _ in members])
    )
    retried: dict[str, set[int]] = {}  # a forgotten study may have been put back
    for name, number in connection.execute(left):
        retried.setdefault(name, set()).add(number)
    return Counter(
        "chunks with other studies than they began with"
        for (name, model_key), numbers in members.items()
        if not _is_named(name, model_key, numbers | retried.get(name, set()), known)
    )


def _is_named(name: str, model_key: str, numbers: set[int], known: set[str]) -> bool:
    if None in numbers:  # nothing is left of it
        return False
    for candidate in names(model_key, sorted(numbers)):
        if candidate == name or candidate not in known:
            return candidate == name
    return False


def _unsent(connection: Connection, run: str) -> Counter[str]:
    mine = (studies.c.run == run) & (studies.c.state == DELIVERED)
    lacks = (objects.c.study == studies.c.id) & (
        (objects.c.state != DELIVERED) | (objects.c.receipt == "")
    )
    unsent = select(studies.c.id).where(mine & select(objects).where(lacks).exists())
    rows = connection.execute(unsent).all()
    return Counter("delivered studies without a receipt" for _ in rows)


def _reported(connection: Connection, run: str) -> set[int]:
    query = (
        select(objects.c.study)
        .join(studies, studies.c.id == objects.c.study)
        .where((studies.c.run == run) & (objects.c.kind == REPORT))
    )
    return set(connection.execute(query).scalars())


def _tally(counted: Counter[str]) -> dict[str, int]:
    always = (SCORED, REJECTED, FAILED)
    rest = {name: n for name, n in sorted(counted.items()) if name not in always}
    return (
        {"in": counted.total()}
        | {name: counted[name] for name in always}
        | {name: n for name, n in rest.items() if name != NOTHING}
    )


def _said(tally: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in tally.items())
