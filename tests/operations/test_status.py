import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cxrmlops.backlog import leases, ledger
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.cli import app
from cxrmlops.operations import heartbeat
from cxrmlops.operations.heartbeat import Heartbeat, Night
from cxrmlops.operations.status import CRITICAL, OK, WARNING, count_late, look
from cxrmlops.params import Notices
from cxrmlops.system.files import write_json

pytestmark = pytest.mark.usefixtures("site")
NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)
SETTINGS = Notices(late_after_hours=12, missing_after_hours=26)


def night(hours_ago: float, *, took: float | None = 1, state: str = "complete"):
    began = NOW - timedelta(hours=hours_ago)
    ended = None if took is None else (began + timedelta(hours=took)).isoformat()
    return Night(
        run=str(hours_ago),
        state="running" if took is None else state,
        began=began.isoformat(),
        ended=ended,
        said="in 2, scored 2",
    )


def write(*nights: Night) -> None:
    heartbeat.FILE.parent.mkdir(exist_ok=True)
    beat = Heartbeat(nights=nights)
    write_json(heartbeat.FILE, beat.model_dump(mode="json"))


def test_the_stage_of_the_site_is_told_once_there_is_a_ledger():
    write(night(6))
    assert "stage" not in look(SETTINGS, at=NOW).line()
    open_database().dispose()

    found = look(SETTINGS, at=NOW)

    assert "; stage shadow | " in found.line()
    assert json.loads(found.json())["stage"] == "shadow"


@pytest.mark.parametrize(
    ("last", "level", "word"),
    [
        (night(6), OK, "complete: in 2, scored 2"),
        (night(25.9), OK, "complete"),
        (night(6, took=None), OK, "runs"),
        (night(6, state="half"), WARNING, "half"),
        (night(6, state="failed"), CRITICAL, "failed"),
        (night(13, took=None), WARNING, "has not ended after 12 hours"),
        (night(26.1), CRITICAL, "no night began since"),
    ],
)
def test_the_last_night_says_how_all_stands(last, level, word):
    write(last)

    status = look(SETTINGS, at=NOW)

    assert status.level == level
    assert word in status.line()


def test_a_killed_night_is_critical_at_once(monkeypatch):
    write(night(1, took=None))
    monkeypatch.setattr(heartbeat, "is_alive", lambda _: False)

    status = look(SETTINGS, at=NOW)

    assert (status.level, status.problems[0].kind) == (CRITICAL, "killed")


def test_without_any_night_it_is_a_warning():
    assert look(SETTINGS, at=NOW).level == WARNING


def test_studies_that_wait_for_a_person_are_a_warning_and_are_counted():
    engine = open_database()
    images = {
        uid: [BacklogImage(uid, 1, 1, f"{uid}.1", uid)] for uid in ("1.2.1", "1.2.2")
    }
    ledger.enter(engine, images, model_key="m")
    chunk = leases.claim(engine, model_key="m", size=1, run="r", started="2024-01-31")
    leases.fail(engine, chunk, "MemoryError")
    write(night(6))

    status = look(SETTINGS, at=NOW)

    assert (status.level, status.waiting, status.failed) == (WARNING, 1, 1)
    assert status.line().endswith("| waiting=1 failed=1 late_nights=0 age=18000s")
    assert "1.2.1" not in status.line()


def test_a_ledger_that_does_not_answer_is_critical(monkeypatch):
    monkeypatch.setenv("CXR_LEDGER_URL", "postgresql://u:secret@127.0.0.1:9/db")
    write(night(6))

    status = look(SETTINGS, at=NOW)

    assert status.level == CRITICAL
    assert "secret" not in status.line()


@pytest.mark.parametrize(
    ("nights", "late"),
    [
        ([], 0),
        ([night(54), night(30), night(6)], 0),
        ([night(54), night(6)], 1),  # one never came
        ([night(54)], 2),
        ([night(30, took=13), night(6)], 1),
        ([night(30), night(13, took=None)], 1),
        ([night(24 * 20), night(6)], 0),  # long ago
    ],
)
def test_late_and_missing_nights_of_two_weeks_are_counted(nights, late):
    assert count_late(nights, NOW, SETTINGS) == late


def run(*words: str):
    return CliRunner().invoke(app, ["status", *words])


def test_the_exit_code_is_that_of_a_nagios_plugin(site):
    assert run().exit_code == 1

    heartbeat.begin("a")
    heartbeat.end("a", "complete", said="nothing new", counts={})
    done = run()
    assert done.exit_code == 0
    assert done.output.startswith("CXR OK - the last night ended ")

    heartbeat.end("a", "failed", said="BundleError", counts={})
    assert run().exit_code == 2

    (site / "site.yaml").unlink()
    done = run()
    assert done.exit_code == 3
    assert done.output.startswith("CXR UNKNOWN - site.yaml is missing here")


def test_programs_get_json():
    heartbeat.begin("a")
    heartbeat.end("a", "half", said="2 studies wait", counts={"in": 2})

    told = json.loads(run("--json").output)

    assert (told["word"], told["level"]) == ("WARNING", 1)
    assert told["last"]["counts"] == {"in": 2}
    assert told["problems"][0]["kind"] == "half"
