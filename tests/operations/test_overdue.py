from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.operations import heartbeat
from cxrmlops.operations.heartbeat import Heartbeat, Night
from cxrmlops.operations.overdue import tell_overdue
from cxrmlops.operations.status import look
from cxrmlops.params import Notices
from cxrmlops.system.files import write_json
from tests.operations.conftest import change_site


@pytest.fixture
def missing(site, web):
    """A site whose last night was long ago, and that is told by webhook."""
    web.answers["/hook"] = (200, "ok")
    change_site(site, notices={"webhook": f"{web.address}/hook"})
    night = Night(
        run="a",
        state="complete",
        began="2026-03-01T02:00:00+00:00",
        ended="2026-03-01T03:00:00+00:00",
    )
    heartbeat.FILE.parent.mkdir()
    beat = Heartbeat(nights=(night,))
    write_json(heartbeat.FILE, beat.model_dump(mode="json"))
    return site


def status():
    return look(Notices(), at=datetime(2026, 3, 9, 8, tzinfo=UTC))


def test_a_missing_night_is_told_once(missing, web):
    assert tell_overdue(status()) == ["night_missing"]
    assert tell_overdue(status()) == []

    assert [asked[3]["event"] for asked in web.asked] == ["night_missing"]


def test_a_notice_that_did_not_arrive_is_sent_again(missing, web):
    web.answers["/hook"] = (500, "")
    assert tell_overdue(status()) == []

    web.answers["/hook"] = (200, "ok")
    assert tell_overdue(status()) == ["night_missing"]


def test_what_the_night_itself_has_told_is_not_told_again(missing, web):
    heartbeat.begin("b")
    heartbeat.end("b", "failed", said="BundleError", counts={})

    assert tell_overdue(look(Notices())) == []


def test_the_command_tells_only_when_asked(missing, web):
    assert CliRunner().invoke(app, ["status"]).exit_code == 2
    assert web.asked == []

    assert CliRunner().invoke(app, ["status", "--notify"]).exit_code == 2
    assert len(web.asked) == 1


def test_a_file_of_what_was_told_that_is_broken_is_begun_anew(missing, web):
    (missing / "data/notified.json").write_text("{")

    assert tell_overdue(status()) == ["night_missing"]
