"""How far the work on a chunk is: scored, written, delivered. Safe to repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from cxrmlops.backlog.contents import is_unknown
from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.leases import Chunk, close, settle, still_ours
from cxrmlops.backlog.ledger import (
    DELIVERED,
    FAILED,
    IN_WORK,
    REJECTED,
    SCORED,
    WRITTEN,
    set_study,
)
from cxrmlops.backlog.schema import DONE, objects, studies
from cxrmlops.system.errors import DataError


@dataclass(frozen=True)
class Answer:
    """What the model said of one study."""

    outcome: str  # scored or rejected
    reason: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)  # plain values


@dataclass(frozen=True)
class Written:
    """An object that was made of a study and goes to the archive."""

    uid: str
    kind: str  # report or overlay
    study_uid: str
    series_instance_uid: str = ""
    sop_class_uid: str = ""


def record_scored(engine: Engine, chunk: Chunk, answers: Mapping[str, Answer]) -> None:
    """Store the answers, by study UID; a study without one was rejected unread.

    A file may have changed since it was found: what was read is what the answer covers.
    """
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        for study in chunk.studies:
            answer = answers.get(study.study_uid, Answer(REJECTED, "unreadable"))
            set_study(
                connection,
                study.number,
                state=SCORED,
                outcome=answer.outcome,
                reason=answer.reason,
                row=dict(answer.row),
                scored_at=now(),
            )
            _note_contents(connection, study.number, answer)


def _note_contents(connection: Connection, number: int, answer: Answer) -> None:
    read = [image.get("content") for image in answer.row.get("images", ())]
    query = select(studies.c.contents).where(studies.c.id == number)
    found = connection.execute(query).scalar_one() or []
    if read and all(read) and found and not any(map(is_unknown, found)):
        set_study(connection, number, contents=sorted(set(read)))


def record_written(engine: Engine, chunk: Chunk, made: Sequence[Written]) -> None:
    """Store which objects exist; a study without one has nothing to deliver.

    One that should have a report of its own and has none fails when the chunk is
    settled, see `leases.settle`.
    """
    number = {study.study_uid: study.number for study in chunk.studies}
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        # A film that came late shares its study's overlays with the answer before.
        wanted = objects.c.sop_instance_uid.in_([one.uid for one in made])
        query = select(objects.c.sop_instance_uid).where(wanted)
        known = set(connection.execute(query).scalars())
        for one in made:
            if one.uid not in known:
                row = {
                    "sop_instance_uid": one.uid,
                    "kind": one.kind,
                    "series_instance_uid": one.series_instance_uid,
                    "sop_class_uid": one.sop_class_uid,
                    "study": number[one.study_uid],
                    "state": WRITTEN,
                    "receipt": "",
                    "written_at": now(),
                }
                connection.execute(insert(objects).values(row))
        reported = {number[one.study_uid] for one in made} | _scored(connection, chunk)
        for study in chunk.studies:
            state = WRITTEN if study.number in reported else REJECTED
            set_study(connection, study.number, state=state, written_at=now())


def _scored(connection: Connection, chunk: Chunk) -> set[int]:
    """Return the studies with an answer; of pictures there is no object to deliver."""
    mine = (studies.c.chunk == chunk.id) & (studies.c.outcome == SCORED)
    return set(connection.execute(select(studies.c.id).where(mine)).scalars())


def record_receipt(
    engine: Engine, chunk: Chunk, uid: str, receipt: str, *, target: str = ""
) -> None:
    """Store that the archive at this address has the object, or nowhere has."""
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        values = {"state": DELIVERED, "receipt": receipt, "delivered_at": now()}
        values["target"] = target
        is_news = (objects.c.state != DELIVERED) | (objects.c.target != target)
        this = (objects.c.sop_instance_uid == uid) & is_news
        connection.execute(update(objects).where(this).values(values))


def record_refused(engine: Engine, chunk: Chunk, uid: str, reason: str) -> None:
    """Store that the archive will never take this object: its study has failed."""
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        query = select(objects.c.study).where(objects.c.sop_instance_uid == uid)
        number = connection.execute(query).scalar_one()
        values = {"state": FAILED, "outcome": FAILED, "reason": reason}
        set_study(connection, number, **values)


def finish(engine: Engine, chunk: Chunk) -> None:
    """Close the chunk: the archive has everything.

    Raises:
        DataError: an object has no receipt.
    """
    with transaction(engine) as connection:
        still_ours(connection, chunk)
        settle(connection, chunk.id)
        mine = (studies.c.chunk == chunk.id) & studies.c.state.in_(IN_WORK)
        if left := len(connection.execute(select(studies.c.id).where(mine)).all()):
            raise DataError(
                f"{left} studies of chunk {chunk.id} have objects without a receipt; "
                "run again"
            )
        close(connection, chunk.id, state=DONE, reason="")
