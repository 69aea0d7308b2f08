"""What the stages `score` and `report` wrote about a chunk, in the ledger's words."""

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from cxrmlops.backlog.audit import Subject
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.leases import REPORT, Chunk, Claimed
from cxrmlops.backlog.ledger import DELIVERED, REJECTED
from cxrmlops.backlog.progress import Answer, Written
from cxrmlops.backlog.schema import images, objects, studies
from cxrmlops.dicom.results.answers import ObjectReference
from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.results import WrittenObjects
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from cxrmlops.system.errors import DataError

# What the ledger keeps of an answer: what the balance and the histogram ask for
_OF_IMAGE = ("path", "outcome", "sop_class_uid", "content")
_OF_STUDY = ("outcome", "model_key", "probability")


def require_model(score: Path, chunk: Chunk) -> None:
    """Refuse answers of another model than the one that the ledger says reads here.

    Objects take the model's name, and their UIDs, from the same folder.

    Args:
        score: what the stage `score` wrote.
        chunk: its model.

    Raises:
        DataError: the answers, or a row of them, are another model's.
    """
    keys = {ScoringModel.read(score / "model.json").key}
    keys |= set(SCORED_STUDIES.read(score).model_key)
    if keys != {chunk.model_key}:
        raise DataError(
            f"{score} holds answers of another model than chunk {chunk.id} was claimed "
            "for; remove that folder and run again"
        )


def read_answers(score: Path, chunk: Chunk, backlog: Path) -> dict[str, Answer]:
    """Return the answer to each study of the chunk, with the row of its objects.

    A study whose files could not be read has no row of its own: it was rejected for
    what was wrong with them.

    Args:
        score: what the stage `score` wrote.
        chunk: its studies.
        backlog: folder that the places of films are relative to.
    """
    rows = SCORED_IMAGES.read(score)
    answered = SCORED_STUDIES.read(score).set_index("study_instance_uid", drop=False)
    by_path = rows.set_index("path", drop=False)
    return {
        study.study_uid: _answer(study, by_path, answered, backlog)
        for study in chunk.studies
    }


def read_written(report: Path, chunk: Chunk) -> list[Written]:
    """Name the DICOM objects that the stage `report` wrote about the chunk."""
    known = {study.study_uid for study in chunk.studies}
    return [
        Written(
            uid=one.sop_instance_uid,
            kind=one.kind,
            study_uid=one.study_instance_uid,
            series_instance_uid=one.series_instance_uid,
            sop_class_uid=one.sop_class_uid,
        )
        for one in WrittenObjects.read(report / "objects.json").root
        if one.file.endswith(".dcm") and one.study_instance_uid in known
    ]


def predecessors(
    engine: Engine, chunk: Chunk, *, target: str = ""
) -> dict[str, list[ObjectReference]]:
    """Return the delivered reports of each study that a new one replaces.

    A report of the time in shadow is none to whoever never got it: only those count
    that went where the new one goes, or that were delivered before there were stages.

    A study that was put back replaces its own, too: one from before it was claimed.
    """
    numbers = [study.number for study in chunk.studies]
    uids = [study.study_uid for study in chunk.studies]
    older = objects.c.delivered_at < studies.c.claimed_at
    wanted = (
        studies.c.study_uid.in_(uids)
        & (studies.c.id.not_in(numbers) | older)
        & (objects.c.kind == REPORT)
        & (objects.c.state == DELIVERED)
        & objects.c.target.in_(("", target))
    )
    query = (
        select(studies.c.study_uid, objects)
        .join(objects, objects.c.study == studies.c.id)
        .where(wanted)
        .order_by(objects.c.delivered_at, studies.c.id)
    )
    found: dict[str, list[ObjectReference]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(query):
            found[row.study_uid] = [  # the last one replaced those before it
                ObjectReference(
                    row.study_uid,
                    row.series_instance_uid,
                    row.sop_class_uid,
                    row.sop_instance_uid,
                )
            ]
    return found


def waiting_since(engine: Engine, chunk: Chunk) -> dict[str, datetime]:
    """Return since when the backlog knows each study."""
    uids = [study.study_uid for study in chunk.studies]
    query = select(studies.c.study_uid, studies.c.found_at)
    with transaction(engine) as connection:
        rows = connection.execute(query.where(studies.c.study_uid.in_(uids)))
        since = [(uid, datetime.fromisoformat(at)) for uid, at in rows]
    return {uid: min(at for other, at in since if other == uid) for uid, _ in since}


def subjects(engine: Engine, chunk: Chunk) -> list[Subject]:
    """Return whose films the chunk holds, for the audit."""
    uids = [study.study_uid for study in chunk.studies]
    query = select(images.c.study_uid, images.c.patient_id).distinct()
    with transaction(engine) as connection:
        rows = connection.execute(query.where(images.c.study_uid.in_(uids))).all()
    patient = {row.study_uid: row.patient_id for row in rows}
    return [
        Subject(
            study.study_uid,
            patient.get(study.study_uid, ""),
            chunk.model_key,
            len(study.places),
        )
        for study in chunk.studies
    ]


def _answer(
    study: Claimed, rows: pd.DataFrame, answered: pd.DataFrame, backlog: Path
) -> Answer:
    paths = [str((backlog / place).absolute()) for place in study.places]
    mine = rows[rows.index.isin(paths)]
    row = {"images": [_plain(one) for one in mine[list(_OF_IMAGE)].to_dict("records")]}
    uids = [uid for uid in mine.study_instance_uid.unique() if uid in answered.index]
    if not uids:
        reasons = "|".join(sorted(set(mine.reason))) or "unreadable"
        return Answer(REJECTED, reasons, row)
    found = answered.loc[uids[0]].to_dict()
    told = _plain({name: found[name] for name in _OF_STUDY})
    return Answer(found["outcome"], found["reason"], row | {"study": told})


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Make a row fit for JSON: what is not a number becomes nothing."""
    return {str(name): _plain_value(value) for name, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
