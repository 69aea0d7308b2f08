import sqlite3

import pytest

from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.operations import service_checks
from cxrmlops.operations.service_checks import (
    check_archive,
    check_ledger,
    check_mlflow,
    check_prefect,
    check_rollout,
)
from cxrmlops.promotion import approval_log
from cxrmlops.system.errors import ParamsError, ServiceError
from tests.operations.conftest import change_site

pytestmark = pytest.mark.usefixtures("site")
SCHEDULED = {"paused": False, "schedules": [{"active": True}]}


def test_a_new_site_has_no_ledger_and_none_is_made(site):
    found = check_ledger()

    assert (found.state, found.do) == ("note", "nothing: the first night makes it")
    assert not (site / "ledger.db").exists()


def test_a_ledger_of_today_is_well():
    open_database().dispose()

    assert check_ledger().state == "ok"


@pytest.mark.parametrize(
    ("revision", "state", "word"), [("0001", "note", "backup"), ("9", "broken", "newe")]
)
def test_a_ledger_of_another_version_is_told_and_not_changed(revision, state, word):
    with transaction(open_database()) as connection:
        connection.exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{revision}'"
        )

    found = check_ledger()

    assert found.state == state
    assert word in found.said + found.do
    assert check_ledger() == found


def test_mlflow_without_a_server_is_its_file(site):
    assert check_mlflow().state == "note"
    assert not (site / "mlflow.db").exists()

    (site / "mlflow.db").write_text("no database, but long enough to be one" * 99)
    assert check_mlflow().state == "broken"

    (site / "mlflow.db").unlink()
    with sqlite3.connect(site / "mlflow.db") as file:
        file.execute("CREATE TABLE alembic_version (version_num TEXT)")
    assert check_mlflow().state == "ok"


def test_a_server_of_mlflow_is_asked_within_seconds(web, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{web.address}/")
    assert check_mlflow().state == "broken"

    web.answers["/health"] = (200, "OK")
    assert check_mlflow().state == "ok"

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://u:secret@127.0.0.1:9/x?token=s3")
    found = check_mlflow()
    assert found.state == "broken"
    assert "127.0.0.1:9" in found.said
    assert "secret" not in found.said
    assert "s3" not in found.said


@pytest.fixture
def scheduler(web, monkeypatch):
    """A Prefect server on which all is as it should be."""
    monkeypatch.setenv("PREFECT_API_URL", f"{web.address}/api")
    web.answers |= {
        "/api/health": (200, True),
        "/api/deployments/name/score/nightly": (200, SCHEDULED),
        "/api/work_pools/cxr": (200, {"status": "READY"}),
    }
    return web


def test_prefect_is_well_when_the_night_is_scheduled_and_a_worker_waits(scheduler):
    assert check_prefect().state == "ok"


@pytest.mark.parametrize(
    ("path", "answer", "state", "do"),
    [
        ("/api/health", (503, ""), "broken", "start it"),
        ("/api/deployments/name/score/nightly", (404, {}), "broken", "deploy --all"),
        (
            "/api/deployments/name/score/nightly",
            (200, {"paused": True, "schedules": [{"active": True}]}),
            "note",
            "resume",
        ),
        (
            "/api/deployments/name/score/nightly",
            (200, {"schedules": [{"active": False}]}),
            "note",
            "resume",
        ),
        (
            "/api/work_pools/cxr",
            (200, {"status": "NOT_READY"}),
            "broken",
            "worker start",
        ),
    ],
)
def test_what_keeps_a_night_from_starting_is_told_with_its_remedy(
    scheduler, path, answer, state, do
):
    scheduler.answers[path] = answer

    found = check_prefect()

    assert found.state == state
    assert do in found.do


def test_without_a_prefect_server_a_person_learns_that_nothing_is_scheduled():
    assert check_prefect().state == "note"


def test_an_archive_folder_that_can_be_made_is_well(site):
    assert check_archive().state == "ok"
    assert not (site / "data").exists()


def test_an_archive_folder_that_is_a_file_is_broken(site):
    (site / "file").write_text("")
    change_site(site, archive="folder:file")

    assert check_archive().state == "broken"


def test_an_archive_that_does_not_answer_says_so(monkeypatch):
    monkeypatch.setenv("CXR_ARCHIVE", "dicomweb:http://127.0.0.1:9/dicom-web")

    with pytest.raises(ServiceError, match="did not answer"):
        check_archive()


@pytest.mark.services
def test_a_real_archive_answers_over_both_roads(pacs, monkeypatch):
    for address in (pacs.dicomweb, pacs.dimse()):
        monkeypatch.setenv("CXR_ARCHIVE", address)
        assert check_archive().state == "ok"


def test_a_wrong_address_of_an_archive_is_refused(monkeypatch):
    monkeypatch.setenv("CXR_ARCHIVE", "ftp:somewhere")

    with pytest.raises(ParamsError, match="expected one of"):
        check_archive()


def test_a_new_site_is_in_shadow_and_no_ledger_is_made_to_know_it(site, monkeypatch):
    assert "stage shadow, results go to folder:data/archive" in check_rollout().said
    monkeypatch.setenv("CXR_ARCHIVE", "dicomweb:https://pacs.invalid/x")

    found = check_rollout()

    assert (found.state, found.said) == ("ok", "stage shadow, results go to nowhere")
    assert not (site / "ledger.db").exists()


def test_the_target_is_tried_as_the_source_is(monkeypatch):
    with approval_log.open_book() as book:
        facts = {"version": "", "bundle_hash": "", "name": "A", "reason": "good"}
        book.add(f"{approval_log.STAGE}supervised", **facts)
    monkeypatch.setenv("CXR_RESULTS_ARCHIVE", "dicomweb:http://127.0.0.1:9/dicom-web")

    with pytest.raises(ServiceError, match="did not answer"):
        check_rollout()

    monkeypatch.setenv("CXR_RESULTS_ARCHIVE", "folder:results")
    said = "stage supervised, results go to folder:results: folder results is made"
    assert check_rollout().said.startswith(said)


def test_in_shadow_a_target_that_is_the_source_is_broken(monkeypatch):
    for name in ("CXR_ARCHIVE", "CXR_RESULTS_ARCHIVE"):
        monkeypatch.setenv(name, "dicomweb:https://pacs.invalid/x")

    with pytest.raises(ParamsError, match="in shadow nothing is written where images"):
        check_rollout()


def test_a_ledger_that_is_not_there_has_no_file(site):
    assert service_checks.ledger_file() is None
