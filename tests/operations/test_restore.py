import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrmlops.backlog import audit
from cxrmlops.backlog.audit import Event
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.cli import app
from cxrmlops.operations import heartbeat
from cxrmlops.operations.backup import back_up
from cxrmlops.operations.restore import restore
from cxrmlops.promotion import approval_log
from cxrmlops.system import postgres_copy
from cxrmlops.system.errors import DataError, ParamsError
from tests.conftest import empty_postgres

FACTS = {"version": "1", "bundle_hash": "a" * 64, "name": "A. Person", "reason": "good"}


def approve(version: str = "1") -> None:
    with approval_log.open_book() as book:
        book.add(approval_log.APPROVED, **FACTS | {"version": version})


def history() -> list[str]:
    rows = approval_log.entries()
    assert approval_log.first_broken(rows) is None
    return [row.version for row in rows]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def saved(request, site, tmp_path, monkeypatch) -> Path:
    """A backup of a site with an approval, a run, an artifact and a bundle."""
    if request.param == "postgres":
        if not postgres_copy.is_here():
            pytest.skip("pg_dump (Debian: postgresql-client) is not installed")
        address = request.getfixturevalue("postgres")
        empty_postgres(address)
        monkeypatch.setenv("CXR_LEDGER_URL", address)
    approve()
    make_run("first")
    for name in ("mlartifacts/1/weights", "data/train/bundle/model.json"):
        (site / name).parent.mkdir(parents=True)
        (site / name).write_text("w")
    return back_up(tmp_path / "backups").folder


def make_run(name: str) -> None:
    with closing(sqlite3.connect("mlflow.db")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES (?)", [name])
        database.commit()


def runs() -> list:
    with closing(sqlite3.connect("mlflow.db")) as database:
        return database.execute("SELECT name FROM runs").fetchall()


def destroy(site: Path) -> None:
    """Lose everything but the backup."""
    import os

    if address := os.environ.get("CXR_LEDGER_URL"):
        empty_postgres(address)
    shutil.rmtree(site)
    site.mkdir()
    os.chdir(site)


def test_what_was_destroyed_comes_back(saved, site):
    destroy(site)

    said = restore(saved)

    assert history() == ["1"]
    assert runs() == [("first",)]
    assert (site / "mlartifacts/1/weights").read_text() == "w"
    assert (site / "data/train/bundle/model.json").read_text() == "w"
    assert (site / "site.yaml").exists()
    assert "audit.jsonl" in {path.name for path in site.iterdir()}
    assert said[-1].startswith("next: cxrmlops doctor")


def test_nothing_is_written_over_unless_forced(saved, site):
    approve("2")
    make_run("second")
    with pytest.raises(DataError, match="nothing was changed.*mlflow"):
        restore(saved)
    assert history() == ["1", "2"]

    restore(saved, force=True)

    assert history() == ["1"]
    assert runs() == [("first",)]


def test_an_audit_stream_is_never_written_over(saved, site):
    audit.record([Event(audit.QUERY, audit.EXECUTE)])
    before = audit.audit_file().read_bytes()

    restore(saved, force=True)

    assert audit.audit_file().read_bytes().startswith(before)


@pytest.mark.parametrize("name", ["ledger.db", "settings/params.yaml", "mlflow.db"])
def test_a_damaged_backup_is_refused_before_anything_is_written(site, tmp_path, name):
    approve()
    make_run("first")
    folder = back_up(tmp_path / "backups").folder
    (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"?")
    destroy(site)

    with pytest.raises(DataError, match=f"is damaged: 1 of .* files.*{name}"):
        restore(folder)

    assert list(site.iterdir()) == []


def test_a_backup_with_a_file_less_is_refused(site, tmp_path):
    folder = back_up(tmp_path / "backups").folder
    (folder / "settings/site.yaml").unlink()

    with pytest.raises(DataError, match="missing"):
        restore(folder)


def test_a_folder_that_is_no_backup_leads_to_one(site, tmp_path):
    with pytest.raises(DataError, match="is no backup"):
        restore(site)
    folder = back_up(tmp_path / "backups").folder

    with pytest.raises(DataError, match=f"holds 1 backups.*{folder.name}"):
        restore(tmp_path / "backups")


def test_a_ledger_of_a_newer_version_is_refused(site, tmp_path):
    with transaction(open_database()) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    folder = back_up(tmp_path / "backups").folder
    destroy(site)

    with pytest.raises(ParamsError, match="newer than this one"):
        restore(folder)


def test_a_backup_of_sqlite_does_not_go_into_postgres(site, tmp_path, monkeypatch):
    approve()
    folder = back_up(tmp_path / "backups").folder
    monkeypatch.setenv("CXR_LEDGER_URL", "postgresql://u@127.0.0.1:9/db")

    with pytest.raises(ParamsError, match="CXR_LEDGER_URL means postgresql"):
        restore(folder)


def test_nothing_is_restored_under_a_night_that_runs(site, tmp_path):
    folder = back_up(tmp_path / "backups").folder
    heartbeat.begin("a")

    with pytest.raises(DataError, match="runs; wait"):
        restore(folder, force=True)


def test_another_key_and_another_place_are_told(site, tmp_path, monkeypatch):
    make_run("first")
    folder = back_up(tmp_path / "backups").folder
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "another")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    said = "\n".join(restore(folder))

    assert "the key of the pseudonyms is another one" in said
    assert "MLflow keeps whole paths" in said


def test_the_command_brings_a_site_back(site, tmp_path):
    approve()
    folder = back_up(tmp_path / "backups").folder
    destroy(site)

    done = CliRunner().invoke(app, ["restore", str(folder)])

    assert done.exit_code == 0, done.output
    assert done.output.startswith("back from ")
    assert history() == ["1"]
