"""What fails around a night: it says so, and the next run gives the same bytes."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from cxrmlops.backlog import leases, ledger, progress
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.delivery import Folder
from cxrmlops.backlog.lease_holders import this_process
from cxrmlops.system.errors import DataError, ServiceError
from flows import chunk as chunk_file
from flows.score import score
from tests import make
from tests.flows.conftest import stand_in
from tests.flows.test_score import archived, arrive, go_active, set_up
from tests.postgres import PostgreSQL

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
DISK = 2**25
DONE = "in 2, scored 2, rejected 0, failed 0"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    return str(make.make_reading_bundle(tmp_path_factory.mktemp("model") / "bundle"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, prefect, empty_mlflow, bundle) -> dict[str, bytes]:
    """What a night gives that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch)
        patch.setenv("CXR_LEDGER_URL", f"sqlite:///{folder}/ledger.db")
        arrive(folder, "1.2.1", "1.2.2")
        assert score(bundle, return_state=True).message == DONE
        check_audit(folder)
        return delivered(folder)


def check_audit(folder: Path) -> None:
    """The night's start and stop, whose films were read, and what was sent where."""
    stream = folder / "audit.jsonl"
    told = [json.loads(line) for line in stream.read_text().splitlines()]
    assert stream.stat().st_mode & 0o777 == 0o600
    assert [line["type"] for line in (told[0], told[-1])] == ["110120", "110121"]
    assert {line["model_key"] for line in told} == {told[0]["model_key"]}
    about = {
        (line["event"], line["action"], line["study_uid"], line["patient_id"])
        for line in told[1:-1]
    }
    assert about == {
        (event, action, uid, f"MRN-CANARY-{uid}")
        for event, action in (("110103", "R"), ("110104", "C"))
        for uid in ("1.2.1", "1.2.2")
    }
    assert sum(line["event"] == "110104" for line in told) == 4
    assert {line["outcome"] for line in told} == {0}


def delivered(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (content, _) in archived(folder).items()}


@pytest.fixture
def site(project, monkeypatch) -> Path:
    """A site with two studies."""
    set_up(project, monkeypatch)
    arrive(project, "1.2.1", "1.2.2")
    return project


@pytest.fixture
def small_disk(tmp_path, empty_mlflow, monkeypatch):
    """A site on a disk that is too small."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    stand_in(place, monkeypatch, empty_mlflow)
    set_up(place, monkeypatch)
    arrive(place, "1.2.1", "1.2.2")
    yield place
    monkeypatch.undo()
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def a_process_that_ended() -> str:
    """Name one: this night stands for a process that ends with it."""
    code = "from cxrmlops.backlog.lease_holders import this_process as me; print(me())"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )
    assert ended.stdout.decode().strip() != this_process()
    return ended.stdout.decode().strip()


@pytest.mark.parametrize("kilobytes", [300, 900])
def test_a_full_disk_is_told_and_the_next_night_goes_on(
    small_disk, bundle, undisturbed, kilobytes
):
    open_database().dispose()
    left = shutil.disk_usage(small_disk).free - kilobytes * 1024
    (small_disk / "filler").write_bytes(bytes(left))

    tried = score(bundle, return_state=True)
    (small_disk / "filler").unlink()
    again = score(bundle, return_state=True)

    assert tried.is_failed()
    assert "disk" in tried.message
    assert again.message == DONE
    assert delivered(small_disk) == undisturbed


class Refusing(Folder):
    """An archive that takes some objects and then no more."""

    def __init__(self, path: Path, takes: int) -> None:
        super().__init__(path)
        self.takes, self.asked = takes, []

    def store(self, file):
        self.asked.append(file.name)
        if len(self.asked) > self.takes:
            raise ServiceError("the archive took no more (status A700)")
        return super().store(file)


def test_an_archive_that_takes_no_more_is_sent_the_rest_later(
    site, bundle, undisturbed, monkeypatch
):
    archive = Refusing(site / "data/archive", takes=1)
    monkeypatch.setattr(chunk_file, "open_archive", lambda *_, **__: archive)

    tried = score(bundle, return_state=True)
    refused = archive.asked.pop()
    archive.takes = 10
    again = score(bundle, return_state=True)

    assert "2 studies wait: the archive took no more (status A700)" in tried.message
    assert again.message == DONE
    assert delivered(site) == undisturbed
    assert sorted(archive.asked) == sorted(undisturbed), "each object was sent once"
    assert refused in archive.asked


def test_while_a_slow_archive_takes_its_time_nobody_else_takes_the_chunk(
    site, bundle, undisturbed, monkeypatch
):
    tries = []

    class Slow(Folder):
        def store(self, file):
            if not tries:
                time.sleep(2.5)  # several leases
                tries.append(another_run(site))
            return super().store(file)

    monkeypatch.setattr(
        chunk_file, "open_archive", lambda *_, **__: Slow(site / "data/archive")
    )
    monkeypatch.setitem(leases.claim.__kwdefaults__, "lease_seconds", 1.0)

    state = score(bundle, return_state=True)

    assert tries == [None]
    assert state.message == DONE
    assert delivered(site) == undisturbed


def another_run(folder: Path):
    engine = open_database(f"sqlite:///{folder}/ledger.db")
    return leases.claim(engine, model_key="m", size=1, run="other", started="2024")


@pytest.fixture
def server(monkeypatch):
    """PostgreSQL as the ledger, of this test alone."""
    server = PostgreSQL()
    server.start()
    monkeypatch.setenv("CXR_LEDGER_URL", server.address)
    go_active()
    yield server
    server.stop()
    server.remove()


def test_a_ledger_that_restarts_in_mid_run_costs_nothing(
    site, bundle, undisturbed, server, monkeypatch
):
    usual = chunk_file.report_stage.run

    def restart(**arguments):
        server.stop()
        server.start()
        usual(**arguments)

    monkeypatch.setattr(chunk_file.report_stage, "run", restart)

    assert score(bundle, return_state=True).message == DONE
    assert delivered(site) == undisturbed


def test_a_ledger_that_goes_away_is_told_and_the_next_night_goes_on(
    site, bundle, undisturbed, server, monkeypatch
):
    usual = chunk_file.report_stage.run

    def lose(**arguments):
        usual(**arguments)
        server.stop()

    with monkeypatch.context() as patch:
        patch.setattr(chunk_file.report_stage, "run", lose)
        patch.setattr(leases, "this_process", a_process_that_ended)
        tried = score(bundle, return_state=True)
    server.start()
    again = score(bundle, return_state=True)

    assert tried.is_failed()
    assert "the ledger at host 127.0.0.1 did not answer" in tried.message
    assert again.message == DONE
    assert delivered(site) == undisturbed


def test_a_night_that_loses_a_study_fails_loudly(site, bundle, monkeypatch):
    usual = progress.finish

    def lose(engine, chunk):
        usual(engine, chunk)
        with transaction(engine) as connection:
            connection.execute(text("UPDATE studies SET outcome = '' WHERE id = 1"))

    monkeypatch.setattr(chunk_file.progress, "finish", lose)

    state = score(bundle, return_state=True)

    assert state.is_failed()
    with pytest.raises(DataError, match="this run does not balance: in 2, scored 1, "):
        state.result()
    assert ledger.counts(open_database()) == {"delivered": 2}
    lines = (site / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["outcome"] == 12
