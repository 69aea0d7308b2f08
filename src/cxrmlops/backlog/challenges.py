"""
What the challenger still has to read, and what it said: rows beside the studies.

    waiting -> scored, rejected     its answer, never delivered
          |`-> failed               it ended its process again and again, its images
          |                         are gone or changed, or nobody read it for a week
          `--> withdrawn            no challenger any more, or a newer entry came

While a row waits, fetched images of its study stay (`import_cache.clear`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, Row, Select, func, insert, select, update

from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.leases import Chunk, Claimed
from cxrmlops.backlog.ledger import REJECTED, SCORED
from cxrmlops.backlog.schema import challenges, images, studies
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY

WAITING, FAILED, WITHDRAWN = "waiting", "failed", "withdrawn"
MAX_ATTEMPTS = 3  # runs that ended while they read a study
KEEP_DAYS = 7  # that images wait for a challenger that cannot read

Opinion = Mapping[str, Any]  # outcome, reason, probability, and an answer per point


@dataclass(frozen=True)
class Challenge:
    """A study that the challenger has to read."""

    number: int  # the row's own
    study: Claimed
    contents: tuple[str, ...]  # SHA-256 of the files that the champion read, sorted


def enlist(
    engine: Engine,
    chunk: Chunk,
    opinions: Mapping[str, Opinion],
    accessions: Mapping[str, str],
    *,
    bundle_hash: str,
) -> None:
    """Put a chunk's studies on the challenger's list; again does nothing.

    Args:
        engine: the ledger's database.
        chunk: answered by the model in use.
        opinions: what that model said, by study UID; other studies are left out.
        accessions: accession number by study UID, to find reports by.
        bundle_hash: of the challenger.
    """
    with transaction(engine) as connection:
        for study in chunk.studies:
            if study.study_uid not in opinions or _is_listed(
                connection, study.number, bundle_hash
            ):
                continue
            _withdraw_older(connection, study, bundle_hash)
            row = {
                "study": study.number,
                "bundle_hash": bundle_hash,
                "state": WAITING,
                "reason": "",
                "attempts": 0,
                "accession_number": accessions.get(study.study_uid, ""),
                "champion": dict(opinions[study.study_uid]),
                "entered_at": now(),
            }
            connection.execute(insert(challenges).values(row))


def keep_only(engine: Engine, bundle_hash: str) -> None:
    """Take studies off the lists of other challengers; "": of all."""
    others = challenges.c.bundle_hash != bundle_hash
    with transaction(engine) as connection:
        _settle(connection, others, WITHDRAWN, "another challenger, or none")


def take(engine: Engine, *, bundle_hash: str, size: int) -> list[Challenge]:
    """Return the studies to read next; that a run began with them is noted before.

    What ended a run before is read alone, after the others.
    """
    mine = challenges.c.bundle_hash == bundle_hash
    with transaction(engine) as connection:
        since = (datetime.now(UTC) - timedelta(days=KEEP_DAYS)).isoformat()
        old = mine & (challenges.c.entered_at < since)
        _settle(connection, old, FAILED, f"nobody read it for {KEEP_DAYS} days")
        tried = mine & (challenges.c.attempts >= MAX_ATTEMPTS)
        _settle(connection, tried, FAILED, "reading it ended the run, again and again")
        rows = connection.execute(_waiting(bundle_hash).limit(size)).all()
        fresh = [row for row in rows if row.attempts == 0]
        taken = fresh or rows[:1]
        these = challenges.c.id.in_([row.number for row in taken])
        more = {"attempts": challenges.c.attempts + 1}
        connection.execute(update(challenges).where(these).values(more))
    return [_challenge(row) for row in taken]


def note(engine: Engine, number: int, opinion: Opinion) -> None:
    """Store what the challenger said of one study."""
    values = {
        "state": opinion["outcome"],
        "challenger": dict(opinion),
        "answered_at": now(),
    }
    with transaction(engine) as connection:
        _set(connection, number, **values)


def give_up(engine: Engine, number: int, reason: str) -> None:
    """Note that a study will not be read, and why."""
    with transaction(engine) as connection:
        _set(connection, number, state=FAILED, reason=reason)


def counts(engine: Engine, bundle_hash: str) -> dict[str, int]:
    """Count a challenger's studies by state."""
    mine = challenges.c.bundle_hash == bundle_hash
    query = select(challenges.c.state, func.count()).where(mine)
    with transaction(engine) as connection:
        rows = connection.execute(query.group_by(challenges.c.state))
        return {state: n for state, n in rows}


def needed_places(engine: Engine) -> set[str]:
    """Return the places of images that a challenger has to read yet."""
    query = (
        select(studies.c.images)
        .join(challenges, challenges.c.study == studies.c.id)
        .where(challenges.c.state == WAITING)
    )
    with transaction(engine) as connection:
        return {one for row in connection.execute(query).scalars() for one in row}


def read_pairs(engine: Engine, *, bundle_hash: str, champion_hash: str) -> pd.DataFrame:
    """Return both models' answers, one row per study, the newest entry of each.

    Args:
        engine: the ledger's database.
        bundle_hash: of the challenger.
        champion_hash: of the model in use.

    Returns:
        study_uid, patient_id, accession_number, answered_at, and for `champion` and
        `challenger` each: <who>_outcome, _probability (NaN: no answer), _balanced and
        _high_sensitivity (NSF, ASF or "").
    """
    named = images.c.study_uid == studies.c.study_uid
    patient = select(func.min(images.c.patient_id)).where(named).scalar_subquery()
    query = (
        select(challenges, studies.c.study_uid, patient.label("patient_id"))
        .join(studies, challenges.c.study == studies.c.id)
        .where(challenges.c.bundle_hash == bundle_hash)
        .where(challenges.c.state.in_((SCORED, REJECTED)))
        .where(studies.c.model_key.endswith(f"|{champion_hash}", autoescape=True))
        .order_by(challenges.c.id)
    )
    with transaction(engine) as connection:
        newest = {row.study_uid: row for row in connection.execute(query)}
    return pd.DataFrame([_pair(row) for row in newest.values()], columns=PAIRS)


_OF_BOTH = ("outcome", "probability", BALANCED, HIGH_SENSITIVITY)
PAIRS = [
    *("study_uid", "patient_id", "accession_number", "answered_at"),
    *(f"{who}_{what}" for who in ("champion", "challenger") for what in _OF_BOTH),
]


def _pair(row: Row[Any]) -> dict[str, Any]:
    both = {"champion": row.champion, "challenger": row.challenger}
    return {
        "study_uid": row.study_uid,
        "patient_id": row.patient_id or row.study_uid,
        "accession_number": row.accession_number,
        "answered_at": row.answered_at,
    } | {f"{who}_{what}": both[who][what] for who in both for what in _OF_BOTH}


def _is_listed(connection: Connection, number: int, bundle_hash: str) -> bool:
    this = challenges.c.study == number
    mine = this & (challenges.c.bundle_hash == bundle_hash)
    return connection.execute(select(challenges.c.id).where(mine)).first() is not None


def _withdraw_older(connection: Connection, study: Claimed, bundle_hash: str) -> None:
    """Leave one entry of a study on the list: the newest has all its images."""
    entries = select(studies.c.id).where(studies.c.study_uid == study.study_uid)
    mine = challenges.c.bundle_hash == bundle_hash
    older = mine & challenges.c.study.in_(entries)
    _settle(connection, older, WITHDRAWN, "entered with other films")


def _settle(connection: Connection, these: Any, state: str, reason: str) -> None:
    wanted = these & (challenges.c.state == WAITING)
    values = {"state": state, "reason": reason}
    connection.execute(update(challenges).where(wanted).values(values))


def _set(connection: Connection, number: int, **values: Any) -> None:
    this = (challenges.c.id == number) & (challenges.c.state == WAITING)
    connection.execute(update(challenges).where(this).values(values))


def _waiting(bundle_hash: str) -> Select[Any]:
    mine = (challenges.c.bundle_hash == bundle_hash) & (challenges.c.state == WAITING)
    return (
        select(
            challenges.c.id.label("number"),
            challenges.c.attempts,
            studies.c.id.label("study"),
            studies.c.study_uid,
            studies.c.images,
            studies.c.contents,
            studies.c.state,
        )
        .join(studies, challenges.c.study == studies.c.id)
        .where(mine)
        .order_by(challenges.c.attempts, challenges.c.id)
    )


def _challenge(row: Row[Any]) -> Challenge:
    study = Claimed(row.study, row.study_uid, tuple(row.images), row.state)
    return Challenge(row.number, study, tuple(row.contents or ()))


def told(numbers: Mapping[str, int]) -> str:
    """Say in counts how far a challenger is."""
    order: Sequence[str] = (SCORED, REJECTED, WAITING, FAILED)
    return ", ".join(f"{name} {numbers.get(name, 0)}" for name in order)
