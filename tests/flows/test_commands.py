"""The commands that do by hand what the flows do."""

import pytest
from typer.testing import CliRunner

from cxrmlops.backlog import leases, ledger
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.cli import app
from cxrmlops.promotion import approval_log
from cxrmlops.system.errors import BundleError
from tests.registry.stand_ins import register

pytestmark = pytest.mark.integration


def command(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def candidate(project):
    register("1")


@pytest.mark.usefixtures("candidate")
def test_a_candidate_is_approved_and_the_history_says_by_whom():
    said = command("approve", "--name", "A. Person", "--reason", "gates passed")

    assert said == "version 1 is champion\n"
    shown = command("history", "--verify")
    assert "approved version 1 (bundle 111111111111) by A. Person: gates pas" in shown
    assert shown.endswith("1 rows, every seal holds\n")


@pytest.mark.usefixtures("candidate")
def test_without_a_champion_before_there_is_nothing_to_roll_back():
    command("approve", "--name", "A. Person", "--reason", "gates passed")

    with pytest.raises(BundleError, match="no version of cxr-sigfind is 'previous'"):
        command("roll-back", "--name", "A. Person", "--reason", "worse")

    assert [row.event for row in approval_log.entries()] == ["approved"]


@pytest.fixture
def failed(project):
    """Two studies, of which number 1 failed."""
    engine = open_database()
    images = {
        uid: [BacklogImage(uid, 1, 1, f"{uid}.1", uid)] for uid in ("1.2.1", "1.2.2")
    }
    ledger.enter(engine, images, model_key="m")
    chunk = leases.claim(engine, model_key="m", size=1, run="r", started="2024-01-31")
    leases.fail(engine, chunk, "MemoryError")
    return engine


@pytest.mark.usefixtures("failed")
def test_the_backlog_shows_counts_and_what_waits_for_a_person():
    shown = command("backlog").splitlines()

    assert shown[:2] == ["      1 failed", "      1 found"]
    assert shown[2].startswith("study 1: failed since 2")
    assert shown[2].endswith(", 1 attempts: MemoryError")
    assert "1.2.1" not in "".join(shown)


def test_failed_studies_are_put_back_with_a_reason_that_is_shown(failed):
    said = command("backlog", "retry", "--reason", "more memory")

    assert "1 studies put back" in said
    assert ledger.counts(failed) == {"found": 2}
    assert command("backlog").strip().endswith(": more memory")


def test_a_forgotten_study_is_counted_as_such_and_comes_back_by_number(failed):
    command("backlog", "forget", "1", "2", "--reason", "phantoms")

    assert "      2 forgotten" in command("backlog")
    assert "0 studies put back" in command("backlog", "retry", "--reason", "all")
    assert "1 studies put back" in command("backlog", "retry", "2", "--reason", "real")
    assert ledger.counts(failed) == {"forgotten": 1, "found": 1}


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize("words", [("retry",), ("forget", "1"), ("forget",)])
def test_nobody_decides_about_a_study_without_a_reason(words):
    done = CliRunner().invoke(app, ["backlog", *words])

    assert done.exit_code == 2
