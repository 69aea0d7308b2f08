"""When and how an object of ours was made, as the ledger has it; nobody is named."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.schema import chunks, objects, studies


@dataclass(frozen=True)
class Origin:
    """The work that an object came from."""

    kind: str  # report or overlay
    run: str  # of the night
    chunk: str
    study: int  # the ledger's own number; safe to show
    outcome: str  # scored or rejected
    model_key: str  # "<name>|<hash of the bundle>"
    analysed_at: str  # start of the analysis, ISO 8601 with offset
    written_at: str  # UTC, ISO 8601
    delivered_at: str  # likewise; "" while it waits


def find_origin(engine: Engine, sop_instance_uid: str) -> Origin | None:
    """Find the work that an object came from; None: this ledger does not know it."""
    query = (
        select(
            objects.c.kind,
            studies.c.run,
            studies.c.chunk,
            studies.c.id.label("study"),
            studies.c.outcome,
            studies.c.model_key,
            chunks.c.started.label("analysed_at"),
            objects.c.written_at,
            func.coalesce(objects.c.delivered_at, "").label("delivered_at"),
        )
        .join(studies, studies.c.id == objects.c.study)
        .join(chunks, chunks.c.id == studies.c.chunk)
        .where(objects.c.sop_instance_uid == sop_instance_uid)
    )
    with transaction(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Origin(**row._mapping)
