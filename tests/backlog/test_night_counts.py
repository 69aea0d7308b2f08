from cxrmlops.backlog import leases
from cxrmlops.backlog import ledger as studies
from cxrmlops.backlog.database import now
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.night_counts import (
    answered_by_others,
    count_open,
    count_progress,
    count_reasons,
    count_since,
)
from cxrmlops.backlog.progress import record_scored


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


def test_progress_counts_what_a_run_has_done_of_all_that_it_has_to_do(ledger):
    enter(ledger, "1.2.1", "1.2.2", "1.2.3", "1.2.4")
    leases.fail(ledger, claim(ledger, "before"), "MemoryError")
    leases.fail(ledger, claim(ledger, "mine"), "MemoryError")
    claim(ledger, "mine")

    assert count_progress(ledger, "mine", "m") == (1, 3)
    assert count_progress(ledger, "mine", "another model") == (1, 2)


def test_reasons_of_rejections_and_failures_are_counted_apart(ledger):
    enter(ledger, "1.2.1", "1.2.2", "1.2.3", "1.2.4")
    for reason in ("MemoryError", "MemoryError", "OSError"):
        leases.fail(ledger, claim(ledger, "mine"), reason)
    record_scored(ledger, claim(ledger, "mine"), {})  # rejected unread

    rejected, failed = count_reasons(ledger, "mine")

    assert rejected == {"unreadable": 1}
    assert failed == {"MemoryError": 2, "OSError": 1}
    assert not any(count_reasons(ledger, "another run"))


def test_what_only_other_models_have_answered_would_be_read_again(ledger):
    enter(ledger, "1.2.1", "1.2.2")
    record_scored(ledger, claim(ledger, "first"), {})

    assert answered_by_others(ledger, "new") == {"1.2.1"}  # the other one waits
    assert answered_by_others(ledger, "m") == set()
