from cxrmlops.backlog import leases
from cxrmlops.backlog import ledger as studies
from cxrmlops.backlog.database import now
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.night_counts import count_open, count_since


def enter(engine, *uids: str) -> None:
    images = {uid: [BacklogImage(uid, 1, 1, f"{uid}.1", uid)] for uid in uids}
    studies.enter(engine, images, model_key="m")


def claim(engine, run: str):
    return leases.claim(engine, model_key="m", size=1, run=run, started="2024-01-31")


def test_only_what_a_night_worked_on_is_counted_and_the_sum_is_right(ledger):
    enter(ledger, "1.2.1", "1.2.2", "1.2.3")
    leases.fail(ledger, claim(ledger, "before"), "MemoryError")
    began = now()
    leases.fail(ledger, claim(ledger, "mine"), "MemoryError")
    claim(ledger, "mine")

    counts = count_since(ledger, began)

    assert counts == {"in": 2, "scored": 0, "rejected": 0, "failed": 1, "waiting": 1}
    assert count_since(ledger, now())["in"] == 0


def test_what_waits_for_a_run_and_for_a_person_are_told_apart(ledger):
    assert count_open(ledger) == {"waiting": 0, "failed": 0}
    enter(ledger, "1.2.1", "1.2.2", "1.2.3")
    leases.fail(ledger, claim(ledger, "r"), "MemoryError")
    claim(ledger, "r")

    assert count_open(ledger) == {"waiting": 2, "failed": 1}
