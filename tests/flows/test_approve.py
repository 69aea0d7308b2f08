"""Flow and command decide alike: what holds for one is tested once."""

import pytest
from prefect.logging import disable_run_logger

from cxrmlops.promotion import approval_log
from cxrmlops.registry import versions
from cxrmlops.system.errors import BundleError, ParamsError
from flows.approve import approve, roll_back
from tests.registry.stand_ins import register

pytestmark = pytest.mark.integration


@pytest.fixture
def two_versions(project):
    register("1", "2")


@pytest.fixture(autouse=True)
def _quiet():
    with disable_run_logger():
        yield


def test_approvals_and_a_roll_back_leave_their_trace(two_versions):
    approve.fn("A. Person", "first", "1")
    approve.fn("A. Person", "better", "2")
    roll_back.fn("B. Person", "worse at night")

    assert versions.get("champion").number == "1"
    rows = [(r.event, r.version, r.name, r.reason) for r in approval_log.entries()]
    assert rows == [
        ("approved", "1", "A. Person", "first"),
        ("approved", "2", "A. Person", "better"),
        ("rolled back", "1", "B. Person", "worse at night"),
    ]
    assert approval_log.first_broken(approval_log.entries()) is None


def test_what_cannot_be_done_is_not_in_the_history(two_versions):
    with pytest.raises(BundleError, match="no version of cxr-sigfind is '7'"):
        approve.fn("A. Person", "better", "7")
    for words in ((" ", "why"), ("A. Person", " "), (".", "why")):
        with pytest.raises(ParamsError, match="a name and a reason"):
            approve.fn(*words, "1")
        with pytest.raises(ParamsError, match="a name and a reason"):
            roll_back.fn(*words)
    approve.fn("A. Person", "first", "1")
    with pytest.raises(BundleError, match="version 1 is champion already"):
        approve.fn("A. Person", "again", "1")

    assert [row.reason for row in approval_log.entries()] == ["first"]
    assert versions.get("champion").number == "1"
