import subprocess
import sys

import pytest

from cxrmlops.backlog import nights
from cxrmlops.backlog.lease_holders import this_process

EARLY, LATE = "2024-01-01T02:00:00.000+00:00", "2999-01-01T02:00:00.000+00:00"
ONE_THAT_DIES = """
import sys
from cxrmlops.backlog import nights
from cxrmlops.backlog.database import open_database
assert nights.begin(open_database(sys.argv[1]), "killed").may_work
"""


def test_a_night_works_where_no_other_does(ledger):
    first = nights.begin(ledger, "a", due=EARLY)
    while_it_works = nights.begin(ledger, "b", due=LATE)

    assert first.may_work
    assert while_it_works.at_work
    assert not while_it_works.may_work


def test_late_nights_fall_into_the_one_that_began_after_they_were_due(ledger):
    assert nights.begin(ledger, "monday", due=EARLY).may_work
    with nights.held(ledger, "monday"):
        pass

    assert nights.begin(ledger, "tuesday", due=EARLY).taken_by
    assert nights.begin(ledger, "clicked").may_work


def test_a_night_that_is_due_later_works(ledger):
    nights.begin(ledger, "monday", due=EARLY)
    with nights.held(ledger, "monday"):
        pass

    assert nights.begin(ledger, "tomorrow", due=LATE).may_work


def test_a_night_whose_process_was_killed_holds_up_no_other(ledger):
    address = ledger.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", ONE_THAT_DIES, address], check=True)

    begun = nights.begin(ledger, "next", due=EARLY)

    assert begun.may_work
    assert begun.killed == ("killed",)
    assert nights.begin(ledger, "third").killed == ()


@pytest.mark.parametrize("seconds", [-1.0, 60.0])
def test_a_night_elsewhere_is_believed_for_the_length_of_its_lease(
    ledger, seconds, monkeypatch
):
    assert this_process()
    monkeypatch.setattr(nights, "this_process", lambda: "another machine 1 2")
    monkeypatch.setattr(nights, "LEASE_SECONDS", seconds)
    nights.begin(ledger, "elsewhere")

    assert nights.begin(ledger, "here").may_work is (seconds < 0)


def test_a_run_that_is_tried_again_is_the_same_night(ledger):
    nights.begin(ledger, "a", due=EARLY)

    assert nights.begin(ledger, "a", due=EARLY).may_work
