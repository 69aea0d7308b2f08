"""Processes that hold chunks: real ones, really killed."""

import os
import subprocess
import sys

import pytest

from cxrmlops.backlog import lease_holders, leases
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.open_studies import HELD, open_studies
from tests.backlog.test_leases import arrive, asked_of, claim

pytestmark = pytest.mark.integration

HOLDER = (
    "from cxrmlops.backlog.lease_holders import this_process as me; "
    "print(me(), flush=1)"
)
WAIT = "; import time; time.sleep(60)"


@pytest.fixture
def other():
    """Another process that lives, and the name it gives itself."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER + WAIT], stdout=subprocess.PIPE, text=True
    )
    with child:
        yield child, child.stdout.readline().strip()
        child.kill()


def test_a_process_that_lives_is_not_dead(other):
    assert lease_holders.is_alive(lease_holders.this_process())
    assert lease_holders.is_alive(other[1])


def test_a_killed_process_is_dead_before_and_after_its_parent_noticed(other):
    child, name = other
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert lease_holders.is_alive(name) is False
    child.wait()
    assert lease_holders.is_alive(name) is False


def test_a_number_that_was_given_again_is_not_the_same_process(other):
    name, _, started = other[1].rpartition(" ")

    assert lease_holders.is_alive(f"{name} {int(started) - 1}") is False


@pytest.mark.parametrize("name", ["", "odd", "other-kernel pid:[1] 1 1", "a b c d e"])
def test_of_another_host_nothing_is_known(name):
    assert lease_holders.is_alive(name) is None


def test_where_the_kernel_does_not_name_itself_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(lease_holders, "_PROC", tmp_path)

    assert lease_holders.is_alive("any pid:[1] 1 1") is None
    assert lease_holders.this_process() == ""


def test_another_containers_processes_are_not_asked_for():
    here = lease_holders.this_process().split(" ")

    assert lease_holders.is_alive(" ".join([here[0], "pid:[1]", "999999", "1"])) is None


def test_a_killed_run_frees_its_chunk_at_once_and_a_living_one_does_not(
    ledger, other, monkeypatch
):
    child, name = other
    arrive(ledger, "1.1")
    with monkeypatch.context() as patch:
        patch.setattr(leases, "this_process", lambda: name)
        taken = claim(ledger, lease=3600)
    assert claim(ledger, run="next") is None
    assert [one.reason for one in open_studies(ledger)] == [HELD]

    child.kill()
    child.wait()

    (stuck,) = open_studies(ledger)
    assert (stuck.reason, stuck.attempts) == ("its run was killed", 1)
    assert claim(ledger, run="next").id == taken.id
    assert [one.reason for one in open_studies(ledger)] == [HELD]


def test_who_holds_a_chunk_is_found_without_reading_all_chunks(ledger):
    if ledger.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads a table that is so small as a whole")
    with transaction(ledger) as connection:
        with asked_of(ledger, "holder") as asked:
            lease_holders.free_dead(connection)
        told = [
            row.detail
            for statement, values in asked
            for row in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
        ]

    assert told
    assert not [line for line in told if line.startswith("SCAN chunks")]
