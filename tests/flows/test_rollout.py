"""Nights in shadow, nights with a challenger: what never leaves, what stays whole."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger

from cxrmlops.backlog import challenges
from cxrmlops.backlog import ledger as book
from cxrmlops.backlog.database import open_database
from cxrmlops.promotion import approval_log, rollout
from cxrmlops.promotion.rollout_log import stage_of
from cxrmlops.registry import versions
from cxrmlops.system.errors import ParamsError
from flows import challenge as challenge_file
from flows.approve import approve, challenger, roll_out
from flows.score import open_night, score
from flows.watch import show_challenger
from tests import make, orthanc
from tests.flows.conftest import stand_in
from tests.flows.test_archives import fill
from tests.flows.test_score import archived, arrive, register, set_up

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
WHO = {"name": "A. Person", "reason": "these tests"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> list[Path]:
    """A champion, and a challenger with other weights."""
    folder = tmp_path_factory.mktemp("models")
    return [
        make.make_reading_bundle(folder / name, seed=seed)
        for name, seed in (("champion", 0), ("challenger", 5))
    ]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with orthanc.running(tmp_path_factory.mktemp("target")) as server:
        yield server


def in_shadow(folder: Path, patch: pytest.MonkeyPatch) -> None:
    set_up(folder, patch)
    rollout.change_stage("shadow", **WHO)


def test_in_shadow_images_come_from_the_archive_and_nothing_goes_back(
    project, reading_bundle, pacs, target, monkeypatch
):
    fill(pacs, project)
    before = set(pacs.ask("/instances"))
    in_shadow(project, monkeypatch)
    monkeypatch.setenv("CXR_ARCHIVE", pacs.dicomweb)

    kept = score(str(reading_bundle), return_state=True)
    written = list((project / "data/report").glob("*/*.dcm"))

    assert kept.message.startswith("in 2, scored 2")
    assert kept.message.endswith("stage shadow: results go to nowhere")
    assert len(written) == 4
    assert set(pacs.ask("/instances")) == before

    pacs.put(another(project))
    before = set(pacs.ask("/instances"))
    monkeypatch.setenv("CXR_RESULTS_ARCHIVE", target.dicomweb)
    sent = score(str(reading_bundle), return_state=True)

    assert sent.message.startswith("in 1, scored 1")
    assert len(target.ask("/instances")) == 2
    assert set(pacs.ask("/instances")) == before

    roll_out("supervised", **WHO)
    pacs.put(another(project, "1.2.9"))
    monkeypatch.delenv("CXR_RESULTS_ARCHIVE")
    score(str(reading_bundle), return_state=True)

    assert len(pacs.ask("/instances")) == len(before) + 3  # image, report, overlay
    page = (project / "data/report/reading_list.html").read_text()
    assert "A radiologist must confirm every answer" in page


def another(folder: Path, study: str = "1.2.8") -> Path:
    from tests.flows.test_archives import image

    return image(folder, study)


@pytest.mark.parametrize("road", ["dicomweb", "dimse"])
def test_in_shadow_a_target_that_is_the_source_stops_the_night_before_it_begins(
    project, reading_bundle, pacs, road, monkeypatch
):
    in_shadow(project, monkeypatch)
    monkeypatch.setenv("CXR_ARCHIVE", pacs.dicomweb)
    same = pacs.dicomweb if road == "dicomweb" else pacs.dimse()
    monkeypatch.setenv("CXR_RESULTS_ARCHIVE", same)

    with pytest.raises(ParamsError, match="in shadow nothing is written where images"):
        open_night.fn(str(reading_bundle))

    assert book.counts(open_database()) == {}


@dataclass
class Site:
    folder: Path
    messages: list[str]
    delivered: list[dict]


@pytest.fixture(scope="module")
def site(tmp_path_factory, prefect, empty_mlflow, bundles):
    """A night alone, one whose challenger is killed, and one in which it reads."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch)
        register(folder, *bundles)
        approve(reason="gates passed", name="A. Person", version="1")
        told = Site(folder, [], [])

        def night() -> None:
            told.messages.append(score(return_state=True).message)
            told.delivered.append(archived(folder))

        arrive(folder, "1.2.1")
        night()
        challenger(version="2", **WHO)
        arrive(folder, "1.2.2", "1.2.3")
        killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        with patch.context() as deadly:
            deadly.setattr(challenge_file, "COMMAND", (sys.executable, "-c", killed))
            night()
        arrive(folder, "1.2.4")
        night()
        yield told


def test_without_a_challenger_a_night_speaks_of_none(site):
    assert site.messages[0] == "in 1, scored 1, rejected 0, failed 0"


def test_a_killed_challenger_leaves_the_night_whole_and_is_told(site):
    assert site.messages[1].startswith("in 2, scored 2, rejected 0, failed 0; ")
    assert "challenger: scored 0, rejected 0, waiting 2, failed 0" in site.messages[1]
    assert "(its program ended with -9)" in site.messages[1]
    assert len(site.delivered[1]) == 6  # a report and an overlay a study


def test_the_next_night_reads_what_was_left_and_what_is_new(site):
    told = "challenger: scored 3, rejected 0, waiting 0, failed 0"
    assert site.messages[2] == f"in 1, scored 1, rejected 0, failed 0; {told}"


def test_the_challenger_delivers_nothing_and_is_on_no_reading_list(site):
    assert len(site.delivered[2]) == 8
    names = {path.name for path in (site.folder / "data/report").glob("*/*.dcm")}
    assert names == set(site.delivered[2])
    listed = json.loads((site.folder / "data/report/reading_list.json").read_text())
    assert listed["bundle"] == versions.get("champion").bundle_hash[:12]
    assert not list((site.folder / ".work/challenger").glob("*"))
    assert book.counts(open_database()) == {"delivered": 4}


def test_both_answers_stand_side_by_side_and_differ(site):
    one, two = versions.get("1").bundle_hash, versions.get("2").bundle_hash

    pairs = challenges.read_pairs(open_database(), bundle_hash=two, champion_hash=one)

    assert sorted(pairs.study_uid) == ["1.2.2", "1.2.3", "1.2.4"]
    assert (pairs.champion_outcome == "scored").all()
    assert (pairs.champion_probability != pairs.challenger_probability).all()
    assert list(pairs.accession_number) == ["A-1.2.2", "A-1.2.3", "A-1.2.4"]


@pytest.mark.usefixtures("site")
def test_decisions_are_in_the_history_and_hold():
    rows = approval_log.entries()

    events = [(row.event, row.version) for row in rows]
    assert events == [("stage active", ""), ("approved", "1"), ("challenger", "2")]
    assert approval_log.first_broken(rows) is None


def test_the_command_compares_without_reports(site, capsys):
    from tests.pipeline.project import command

    assert command("challenger") == 0

    said = capsys.readouterr().out
    assert "both answered 3 studies" in said
    assert "by reports: not assessed: 0 ASF and 0 NSF with a report" in said
    assert (site.folder / "data/challenger/challenger.html").exists()


def test_the_watch_shows_the_comparison_and_names_nobody(site):
    state = show_challenger(return_state=True)

    assert state.is_completed()
    with get_client(sync_client=True) as api:
        shown = [one for one in api.read_artifacts() if one.key == "challenger"]
    assert "both answered 3 studies" in shown[-1].data
    assert "1.2.2" not in shown[-1].data


def test_the_command_shows_the_stage_and_who_reads_along(site, capsys):
    from tests.pipeline.project import command

    assert command("roll-out") == 0

    said = capsys.readouterr().out
    assert "stage       active; since" in said
    assert "results to  folder:data/archive" in said
    assert "scored 3, rejected 0, waiting 0, failed 0" in said


def test_a_challenger_that_cannot_be_found_harms_no_night(
    project, bundles, monkeypatch
):
    set_up(project, monkeypatch)
    register(project, bundles[0])
    approve(version="1", **WHO)
    with approval_log.open_book() as pages:  # of a version that MLflow lost
        lost = {"version": "7", "bundle_hash": "7" * 64}
        pages.add(approval_log.CHALLENGER, **lost, **WHO)
    arrive(project, "1.2.1")

    state = score(return_state=True)

    assert state.is_completed()
    assert "waiting 1, failed 0 (its program ended with 1)" in state.message
    assert len(archived(project)) == 2


@pytest.mark.usefixtures("project")
def test_what_a_foreign_error_says_is_not_shown(monkeypatch):
    said = "02:00:00 INFO score: 2 files"
    code = f"print('{said}'); raise OSError('MRN-CANARY.dcm')"
    monkeypatch.setattr(challenge_file, "COMMAND", (sys.executable, "-c", code))
    shown = []
    logger = SimpleNamespace(info=lambda words, *those: shown.append(words % those))
    monkeypatch.setattr(challenge_file, "get_run_logger", lambda: logger)

    assert challenge_file._run() == 1

    assert shown == [said]
    assert "MRN-CANARY" in challenge_file.NOTES.read_text()
    assert challenge_file.NOTES.stat().st_mode & 0o777 == 0o600


def test_a_program_that_hangs_is_ended(monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(600)")
    monkeypatch.setattr(challenge_file, "COMMAND", sleep)
    monkeypatch.setattr(challenge_file, "HOURS", 1 / 3600)

    assert challenge_file._run() < 0


def test_a_list_that_cannot_be_counted_harms_no_night(monkeypatch):
    def broken(*_: object) -> None:
        raise OSError("MRN-CANARY")

    monkeypatch.setattr(challenge_file, "read_along", broken)

    with disable_run_logger():
        said = challenge_file.challenge("a" * 64)

    assert said == "; the challenger has not read along, see the log"


@pytest.mark.usefixtures("project")
def test_the_form_of_prefect_changes_the_stage():
    roll_out("supervised", **WHO)

    assert stage_of(approval_log.entries()) == "supervised"
