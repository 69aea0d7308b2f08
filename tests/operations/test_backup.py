import json
import sqlite3
import stat
from contextlib import closing

import pytest
from typer.testing import CliRunner

from cxrmlops.backlog import audit
from cxrmlops.backlog.audit import Event
from cxrmlops.backlog.database import open_database
from cxrmlops.cli import app
from cxrmlops.operations import backup
from cxrmlops.operations.backup import back_up
from cxrmlops.operations.backup_manifest import read_manifest
from cxrmlops.system.errors import DataError, ParamsError, ServiceError
from tests.operations.conftest import change_site


@pytest.fixture
def used(site):
    """A site that has a ledger, an MLflow database, artifacts, bundles and audit."""
    open_database().dispose()
    with closing(sqlite3.connect("mlflow.db")) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('first')")
        database.commit()
    for name, text in {
        "mlartifacts/1/model/weights": "w",
        "data/train/bundle/model.json": "{}",
        ".work/models/abc/model.json": "{}",
        ".work/models/.abc.1.part/model.json": "half",
        "addresses.env": "CXR_PSEUDONYM_KEY=secret",
        "decisions/decisions.parquet": "d",
    }.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    change_site(site, decisions="decisions")
    audit.record([Event(audit.QUERY, audit.EXECUTE)])
    return site


def names(folder) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files}


def test_everything_that_cannot_be_made_again_is_saved(used, tmp_path):
    made = back_up(tmp_path / "backups")

    assert names(made.folder) == {
        "manifest.json",
        "ledger.db",
        "mlflow.db",
        "artifacts/1/model/weights",
        "audit/audit.jsonl",
        "bundles/abc/model.json",
        "bundles/trained/model.json",
        "settings/decisions/decisions.parquet",
        "settings/params.yaml",
        "settings/prefect.yaml",
        "settings/site.yaml",
    }
    assert read_manifest(made.folder) == made.manifest
    assert made.manifest.ledger_revision == "0008"


def test_neither_key_nor_password_is_saved_and_the_fingerprint_is_said(used, tmp_path):
    made = back_up(tmp_path / "backups")

    everything = b"".join(p.read_bytes() for p in made.folder.rglob("*") if p.is_file())
    assert b"test-key" not in everything
    assert b"secret" not in everything
    assert len(made.manifest.key_fingerprint) == 16
    assert made.manifest.key_fingerprint in "".join(made.lines())


def test_a_backup_is_readable_for_its_owner_alone(used, tmp_path):
    made = back_up(tmp_path / "backups")

    modes = {stat.S_IMODE(p.stat().st_mode) for p in made.folder.rglob("*")}
    assert modes == {0o600, 0o700}


def test_a_backup_that_fails_leaves_nothing(used, tmp_path, monkeypatch):
    def fail(_to):
        raise ServiceError("the disk went")

    monkeypatch.setattr(backup, "_copy_bundles", fail)
    with pytest.raises(ServiceError):
        back_up(tmp_path / "backups")

    assert list((tmp_path / "backups").iterdir()) == []


def test_a_new_site_has_a_backup_of_its_settings(site, tmp_path):
    made = back_up(tmp_path / "backups")

    assert made.manifest.ledger is None
    assert "there is no ledger yet" in made.notes
    assert not (site / "ledger.db").exists()


def test_mlflow_on_a_server_is_saved_elsewhere_if_a_person_says_so(
    used, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    with pytest.raises(ParamsError, match="--without-mlflow"):
        back_up(tmp_path / "backups")

    assert back_up(tmp_path / "backups", with_mlflow=False).manifest.mlflow is None


def test_a_file_is_no_folder_for_backups(site):
    with pytest.raises(DataError, match="is no folder"):
        back_up(site / "site.yaml")


def test_the_command_says_where_it_lies(used, tmp_path):
    done = CliRunner().invoke(app, ["backup", str(tmp_path / "backups")])

    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "backups").iterdir()
    assert done.output.startswith(f"{folder}: 10 files, ")
    assert json.loads((folder / "manifest.json").read_text())["format"] == 1
