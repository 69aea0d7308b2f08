import pytest
from sqlalchemy import update

from cxrmlops.backlog import leases
from cxrmlops.backlog import ledger as studies_of
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.finished_chunks import (
    finished_chunks,
    known_chunks,
    open_chunks,
)
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.schema import chunks, studies

BEFORE = "2026-03-01T00:00:00.000+00:00"
LONG_AGO, LATELY = "2026-01-01T00:00:00.000+00:00", "2026-03-02T00:00:00.000+00:00"


@pytest.mark.parametrize(
    ("chunk", "state", "listed_at", "finished"),
    [
        ("done", "delivered", LONG_AGO, True),
        ("done", "delivered", LATELY, False),
        ("done", "delivered", None, False),  # no reading list has shown it
        ("open", "written", None, False),
        ("open", "claimed", LONG_AGO, False),
        ("dissolved", "delivered", LONG_AGO, True),
        ("dissolved", "delivered", None, False),
        ("dissolved", "failed", None, True),
        ("dissolved", "claimed", LONG_AGO, False),
    ],
)
def test_a_chunk_is_finished_when_it_is_done_and_was_shown_long_ago(
    ledger, chunk, state, listed_at, finished
):
    images = {"1.2.1": [BacklogImage("a", 1, 1, "1.2.1.1", "1.2.1")]}
    studies_of.enter(ledger, images, model_key="m")
    made = leases.claim(ledger, model_key="m", size=1, run="r", started="2024-01-31")
    with transaction(ledger) as connection:
        connection.execute(update(chunks).values(state=chunk, listed_at=listed_at))
        connection.execute(update(studies).values(state=state))

    assert finished_chunks(ledger, BEFORE) == ({made.id} if finished else set())
    assert known_chunks(ledger) == {made.id}
    assert open_chunks(ledger) == ({made.id} if chunk == "open" else set())
