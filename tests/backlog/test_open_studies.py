"""No study waits unseen, whatever the clock did."""

import time

from sqlalchemy import text

from cxrmlops.backlog import leases
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.lease_holders import OTHER_CLOCK
from cxrmlops.backlog.open_studies import HELD, NEXT, numbered, open_studies
from tests.backlog.test_leases import arrive, claim, deliver


def test_every_study_that_is_not_done_is_named_with_its_reason(ledger):
    arrive(ledger, "1.1", "1.2", "1.3", "1.4")
    deliver(ledger, claim(ledger, size=1))
    leases.fail(ledger, claim(ledger, size=1), "MemoryError")
    claim(ledger, size=1)

    named = [(one.study, one.state, one.reason) for one in open_studies(ledger)]

    assert named == [
        (2, "failed", "MemoryError"),
        (3, "claimed", HELD),
        (4, "found", NEXT),
    ]


def test_a_run_is_told_of_the_studies_that_it_claimed_alone(ledger):
    arrive(ledger, "1.1", "1.2", "1.3")
    claim(ledger, size=1, run="first")
    leases.fail(ledger, claim(ledger, size=1, run="second"), "MemoryError")

    assert [one.study for one in open_studies(ledger, run="first")] == [1]
    assert [one.study for one in open_studies(ledger, run="second")] == [2]
    assert open_studies(ledger, run="third") == []


def test_a_lease_that_no_clock_of_now_has_given_is_void(ledger):
    arrive(ledger, "1.1")
    taken = claim(ledger)
    later = time.time() + 36_000
    values = f"lease_until = {later}, holder = 'other-kernel pid:[1] 1 1'"
    with transaction(ledger) as connection:
        connection.execute(text(f"UPDATE chunks SET {values}"))

    assert [one.reason for one in open_studies(ledger)] == [OTHER_CLOCK]
    assert claim(ledger, run="next").id == taken.id


def test_a_lease_of_another_machine_that_may_be_right_is_left(ledger):
    arrive(ledger, "1.1")
    claim(ledger)
    with transaction(ledger) as connection:
        connection.execute(text("UPDATE chunks SET holder = 'other pid:[1] 1 1'"))

    assert claim(ledger, run="next") is None


def test_numbers_are_written_shortly():
    assert numbered([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
