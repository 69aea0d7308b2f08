"""
The order in which people should read a night's studies.

Score alone is not enough: a film with a low score must not wait for ever, so a study
that waited longer than the limit comes first, the longest first. A random sample of NSF
answers is marked for a second look, so that misses are found without waiting for
complaints.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cxrmlops.vocabulary.findings import Finding


class Why(StrEnum):
    """Why a study stands where it stands, first to last."""

    OVERDUE = "overdue"
    SCORE = "score"
    NOT_EVALUABLE = "not_evaluable"
    AUDIT = "audit"
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Waiting:
    """A study that waits for a person."""

    study_instance_uid: str
    probability: float | None  # of ASF; None: not evaluable
    answer: Finding | None  # at the balanced point
    in_scope: bool = True  # a frontal chest film of an adult, or meant to be one


@dataclass(frozen=True)
class Place:
    """A study's place in the list, from 1."""

    study_instance_uid: str
    rank: int
    why: Why
    audit: bool  # drawn for a second look, wherever it stands


def order(
    studies: Sequence[Waiting],
    *,
    waiting_since: Mapping[str, dt.datetime],
    now: dt.datetime,
    max_wait_hours: float,
    audit_fraction: float,
    seed: str = "",
) -> list[Place]:
    """Put studies in the order in which they should be read.

    First what waited longer than `max_wait_hours`, longest first; then ASF, highest
    score first; then what could not be evaluated, because nobody knows; then the audit
    sample of NSF; then the other NSF, highest score first; last what is not the model's
    business, such as a hip.

    Args:
        studies: any order.
        waiting_since: study -> when the backlog first saw it; a study that is not
            named has just arrived.
        now: start of the analysis.
        max_wait_hours: longest wait, whatever the score.
        audit_fraction: of NSF answers, 0-1, drawn study by study, so that the sample
            does not depend on what else came that night.
        seed: another seed draws another sample.
    """
    limit = dt.timedelta(hours=max_wait_hours)
    keyed = []
    for study in studies:
        waited = now - waiting_since.get(study.study_instance_uid, now)
        audit = study.answer is Finding.NSF and _drawn(
            study.study_instance_uid, audit_fraction, seed
        )
        overdue = study.in_scope and waited > limit
        why = Why.OVERDUE if overdue else _why(study, audit)
        key = (
            _class(study, why),
            -waited if overdue else dt.timedelta(0),
            -(study.probability or 0.0),
            study.study_instance_uid,
        )
        keyed.append((key, Place(study.study_instance_uid, 0, why, audit)))
    keyed.sort(key=lambda pair: pair[0])
    return [
        Place(place.study_instance_uid, rank, place.why, place.audit)
        for rank, (_, place) in enumerate(keyed, start=1)
    ]


def _why(study: Waiting, audit: bool) -> Why:
    if study.answer is None:
        return Why.NOT_EVALUABLE if study.in_scope else Why.OUT_OF_SCOPE
    return Why.AUDIT if audit else Why.SCORE


def _class(study: Waiting, why: Why) -> int:
    if why is Why.SCORE:
        return 1 if study.answer is Finding.ASF else 4
    return _CLASS[why]


_CLASS = {
    Why.OVERDUE: 0,
    Why.NOT_EVALUABLE: 2,
    Why.AUDIT: 3,
    Why.OUT_OF_SCOPE: 5,
}


def _drawn(study_instance_uid: str, fraction: float, seed: str) -> bool:
    digest = hashlib.sha256(
        f"audit\x1f{seed}\x1f{study_instance_uid}".encode()
    ).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
