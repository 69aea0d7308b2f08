"""
What is known of every study: found, and what became of it. Counted in studies.

    found -> claimed -> scored -> written -> delivered
                 |         `-> rejected     nothing could be made of it, and why
                 `-> failed                 `retry` puts it back to found
    found, claimed, failed -> withdrawn     another entry of the study took its place
    any but delivered, rejected -> forgotten    by a person, with a reason

`outcome` is what the model said of it: scored, rejected (no image could be read by the
model; reported like an answer) or failed; or forgotten. Claims are in
`leases.py`, decisions of a person in `operator_actions.py`.

What a study is made of is told by the content of its files: a file that changed under
its UIDs makes a new entry, whose report names the one before as its predecessor.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    func,
    insert,
    select,
    update,
)

from cxrmlops.backlog.contents import content_of, covers
from cxrmlops.backlog.database import ENTRY_LOCK, lock, now, transaction
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.lease_holders import free_dead, seconds
from cxrmlops.backlog.schema import DISSOLVED, DONE, OPEN, chunks, studies
from cxrmlops.system.files import sha256_json

FOUND, CLAIMED, SCORED, WRITTEN = "found", "claimed", "scored", "written"
DELIVERED, REJECTED, FAILED = "delivered", "rejected", "failed"
WITHDRAWN, FORGOTTEN = "withdrawn", "forgotten"
IN_WORK = (CLAIMED, SCORED, WRITTEN)
_BATCH = 500  # studies in one query


def enter(
    engine: Engine,
    arrived: Mapping[str, Iterable[BacklogImage]],
    *,
    model_key: str,
    rescore: bool = False,
) -> int:
    """Put studies on the list of this model and say how many are new.

    The same files of a study are entered once, and fewer of them are nothing new once
    it has an answer. A film that arrives late or changed makes a new entry, unless the
    study still waits: then that one is brought up to date. At most one entry of a study
    waits for a model.

    Args:
        engine: the ledger's database.
        arrived: study UID -> its films.
        model_key: the model that will answer.
        rescore: also enter what another model has answered already.
    """
    with transaction(engine) as connection:
        lock(connection, ENTRY_LOCK)
        free_dead(connection)
        _withdraw_others(connection, model_key)
        waits: dict[str, Any] = {"model_key": model_key, "found_at": now()}
        waits |= {"state": FOUND, "outcome": "", "reason": "", "alone": 0, "run": ""}
        uids, entered = list(arrived), 0
        for start in range(0, len(uids), _BATCH):
            some = uids[start : start + _BATCH]
            rows, new = _rows_of(connection, some), list[dict[str, Any]]()
            for uid in some:
                content = content_of(list(arrived[uid])) | {"study_uid": uid}
                entered += _enter_one(
                    connection, rows[uid], content, model_key, rescore, new
                )
            if new:
                connection.execute(insert(studies), [one | waits for one in new])
                entered += len(new)
        return entered


def _rows_of(
    connection: Connection, uids: Sequence[str]
) -> Mapping[str, list[Row[Any]]]:
    """Return every entry of these studies, oldest first."""
    rows = defaultdict[str, list[Row[Any]]](list)
    query = select(studies).where(studies.c.study_uid.in_(uids))
    for row in connection.execute(query.order_by(studies.c.id)):
        rows[row.study_uid].append(row)
    return rows


def _enter_one(
    connection: Connection,
    rows: Sequence[Row[Any]],
    content: dict[str, Any],
    model_key: str,
    rescore: bool,
    new: list[dict[str, Any]],
) -> int:
    """Bring the entries of a study up to date; a new one goes to `new`.

    Returns:
        1 where an entry was put back on the list, else 0.
    """
    if not rows:  # nothing is known of it, as of most
        new.append(content)
        return 0
    mine = [row for row in rows if row.model_key == model_key]
    waiting = [row for row in mine if row.state == FOUND]
    settled = [row for row in rows if _counts(row, model_key, rescore)]
    if settled and covers(max(settled, key=_last_moment), content):
        _replace(connection, waiting)
        return 0
    answered = {row.source_key for row in mine if row in settled}
    while content["source_key"] in answered:  # an older content has come back
        content["source_key"] = sha256_json(content["source_key"])
    known = next((r for r in mine if r.source_key == content["source_key"]), None)
    _replace(connection, [r for r in rows if r.state == FAILED and r is not known])
    if known is not None:
        _replace(connection, [row for row in waiting if row is not known])
        return _again(connection, known, content)
    if waiting:  # a film more
        set_study(connection, waiting[0].id, **content)
        return 0
    new.append(content)
    return 0


def _again(connection: Connection, known: Row[Any], content: dict[str, Any]) -> int:
    """Put an entry back that was withdrawn; one that waits may have moved films."""
    if known.state == WITHDRAWN:
        set_study(connection, known.id, **content, state=FOUND, reason="", run="")
        return 1
    if known.state == FOUND and known.images != content["images"]:
        set_study(connection, known.id, **content)
    return 0


def _counts(row: Row[Any], model_key: str, rescore: bool) -> bool:
    """Return whether an entry has, or will have, an answer not asked for again."""
    ours = row.model_key == model_key
    answered = row.outcome in (SCORED, REJECTED) and (ours or not rescore)
    return answered or row.outcome == FORGOTTEN or (ours and row.state == CLAIMED)


def _last_moment(row: Row[Any]) -> tuple[str, int]:
    return row.claimed_at or row.found_at, row.id


def _replace(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Take entries off the list whose study has a better one."""
    values = {"state": WITHDRAWN, "outcome": "", "reason": "entered with other films"}
    for row in rows:
        set_study(connection, row.id, **values)


def _withdraw_others(connection: Connection, model_key: str) -> None:
    """Take unscored studies off the lists of models that are no longer in use."""
    left = select(chunks.c.id).where(
        _idle(connection) & (chunks.c.model_key != model_key)
    )
    waits = (studies.c.state == FOUND) & (studies.c.model_key != model_key)
    claimed = (studies.c.state == CLAIMED) & studies.c.chunk.in_(left)
    values = {"state": WITHDRAWN, "reason": "another model is in use", "chunk": None}
    connection.execute(update(studies).where(waits | claimed).values(values))
    dissolve_empty(connection, chunks.c.id.in_(left))


def dissolve_empty(connection: Connection, wanted: ColumnElement[bool]) -> None:
    """Close those of the chunks that have no study left to work on."""
    left = (studies.c.chunk == chunks.c.id) & (studies.c.state != FORGOTTEN)
    empty = ~select(studies).where(left).exists()
    values = {"state": DISSOLVED, "lease_until": 0.0}
    connection.execute(update(chunks).where(wanted & empty).values(values))


def _idle(connection: Connection) -> ColumnElement[bool]:
    """Ask for chunks that are not done and that nobody holds."""
    return (chunks.c.lease_until < seconds(connection)) & (chunks.c.state == OPEN)


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


def unlisted(engine: Engine, since: str) -> list[str]:
    """Name the finished chunks that belong on a run's reading list.

    What a killed run finished is among them, and what another run listed meanwhile:
    one page shows the night, however many runs it took.

    Args:
        engine: the ledger's database.
        since: start of the run, UTC, ISO 8601.

    Returns:
        In the order of their first study; empty when there is nothing new.
    """
    with transaction(engine) as connection:
        new = chunks.c.listed_at.is_(None)
        # a chunk that was taken apart keeps the studies that it has reported
        kept = studies.c.state.in_((DELIVERED, REJECTED))
        finished = (chunks.c.state == DONE) | ((chunks.c.state == DISSOLVED) & kept)
        query = (
            select(chunks.c.id, chunks.c.listed_at)
            .join(studies, studies.c.chunk == chunks.c.id)
            .where(finished & (new | (chunks.c.listed_at >= since)))
            .group_by(chunks.c.id)
            .order_by(func.min(studies.c.id))
        )
        rows = connection.execute(query).all()
    return [name for name, _ in rows] if any(at is None for _, at in rows) else []


def note_listed(engine: Engine, names: Sequence[str]) -> None:
    """Remember that a reading list shows these chunks."""
    with transaction(engine) as connection:
        mine = chunks.c.id.in_(names) & chunks.c.listed_at.is_(None)
        connection.execute(update(chunks).where(mine).values(listed_at=now()))


def left_open(engine: Engine, run: str) -> list[str]:
    """Return why chunks that a run claimed are not delivered; empty: all are."""
    with transaction(engine) as connection:
        mine = (chunks.c.run == run) & (chunks.c.state == OPEN)
        query = (
            select(chunks.c.reason, func.count())
            .join(studies, studies.c.chunk == chunks.c.id)
            .where(mine)
            .group_by(chunks.c.reason)
        )
        rows = connection.execute(query).all()
    return [f"{n} studies wait: {reason or 'no word from them'}" for reason, n in rows]


def histogram(engine: Engine, run: str) -> dict[str, int]:
    """Count a run's scored studies by probability, in tenths; nobody is named."""
    tenths = Counter[int]()
    with transaction(engine) as connection:
        mine = (studies.c.run == run) & (studies.c.outcome == SCORED)
        query = select(studies.c.row).where(mine)
        rows = connection.execution_options(yield_per=200).execute(query)
        for row in rows.scalars():
            tenths[min(int(10 * row["study"]["probability"]), 9)] += 1
    return {f"{n / 10:.1f}-{(n + 1) / 10:.1f}": tenths[n] for n in range(10)}
