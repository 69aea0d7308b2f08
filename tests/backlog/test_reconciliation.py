"""A run whose rows were lost or changed is found out."""

from functools import partial

import pytest
from sqlalchemy import text

from cxrmlops.backlog import leases
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.progress import Answer
from cxrmlops.backlog.reconciliation import check_balance
from cxrmlops.system.errors import DataError
from tests.backlog.test_leases import MODEL, arrive, claim, deliver

IMAGE = {"outcome": "scored", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1"}


def answer(study, *, outcome: str = "scored") -> Answer:
    """Answer a study as the model does, one row for each of its files."""
    last = len(study.places) - 1
    images = [
        IMAGE
        | {"path": f"/films/{place}", "outcome": outcome if n == last else "scored"}
        for n, place in enumerate(study.places)
    ]
    said = {"outcome": outcome, "model_key": MODEL}
    return Answer(outcome, "", {"images": images, "study": said})


@pytest.fixture
def done(ledger):
    """A run over three studies of two films; the last study failed."""
    arrive(ledger, "1.1", "1.2", images=2)
    deliver(ledger, claim(ledger), answer)
    arrive(ledger, "1.3", images=2)
    leases.fail(ledger, claim(ledger), "MemoryError")
    return ledger


def test_studies_and_files_are_counted_by_outcome(done):
    balance = check_balance(done, "night")

    assert balance.studies == {"in": 3, "scored": 2, "rejected": 0, "failed": 1}
    assert balance.files == {"in": 6, "scored": 4, "rejected": 0, "failed": 2}


def test_each_file_of_an_answered_study_counts_by_its_own_outcome(ledger):
    arrive(ledger, "1.1", images=2)
    deliver(ledger, claim(ledger), partial(answer, outcome="rejected"))

    balance = check_balance(ledger, "night")

    assert balance.studies == {"in": 1, "scored": 0, "rejected": 1, "failed": 0}
    assert balance.files == {"in": 2, "scored": 1, "rejected": 1, "failed": 0}


def test_a_study_put_into_another_finished_chunk_is_found(ledger):
    arrive(ledger, "1.1", "1.2", "1.3")
    for _ in range(3):
        deliver(ledger, claim(ledger, size=1), answer)
    with transaction(ledger) as connection:
        move = "UPDATE studies SET chunk = (SELECT chunk FROM studies WHERE id = 1)"
        connection.execute(text(f"{move} WHERE id = 2"))

    with pytest.raises(DataError, match="2 chunks with other studies than they began"):
        check_balance(ledger, "night")


def test_what_waits_and_what_was_withdrawn_is_counted_by_name(ledger):
    arrive(ledger, "1.1", "1.2", "1.3")
    leases.release(ledger, claim(ledger, size=1), "the archive did not answer")
    leases.release(ledger, claim(ledger, size=1), "the archive did not answer")
    arrive(ledger, "1.1", model="new")

    balance = check_balance(ledger, "night")

    assert balance.studies["in"] == 2
    assert balance.studies["withdrawn"] == 2
    leases.release(ledger, claim(ledger, model="new"), "the archive did not answer")
    assert check_balance(ledger, "night").studies["waiting"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE studies SET outcome = '' WHERE id = 1", "1 studies without an outc"),
        ("UPDATE studies SET state = 'found'", "3 studies without an outcome"),
        ("UPDATE studies SET state = 'claimed'", "3 studies without an outcome"),
        (
            "UPDATE studies SET outcome = 'rejected' WHERE id = 1",
            "1 studies with anoth",
        ),
        ("UPDATE studies SET chunk = NULL WHERE id = 1", "1 chunks with other stud"),
        ("UPDATE studies SET images = '[\"1.1/0\"]'", "files have no outcome or two"),
        ("UPDATE studies SET model_key = 'x'", "3 studies in a chunk of another"),
        (
            "UPDATE studies SET model_key = 'x'; UPDATE chunks SET model_key = 'x'",
            "2 studies with an answer of another model",
        ),
        ("UPDATE objects SET state = 'written'", "2 delivered studies without a rec"),
        ("UPDATE objects SET receipt = ''", "2 delivered studies without a receipt"),
        ("DELETE FROM objects", "2 answers without a report"),
        ("DELETE FROM objects; DELETE FROM studies WHERE id = 2", "1 chunks with oth"),
    ],
)
def test_a_row_that_was_changed_behind_our_back_is_found(done, change, words):
    with transaction(done) as connection:
        for statement in change.split("; "):
            connection.execute(text(statement))

    with pytest.raises(DataError, match=f"does not balance: in .*{words}"):
        check_balance(done, "night")
