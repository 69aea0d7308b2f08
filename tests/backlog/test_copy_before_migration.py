import logging
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from cxrmlops.backlog.database import ledger_address, open_database
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.system import sqlite_copy
from cxrmlops.system.errors import ServiceError
from tests.conftest import empty_postgres


def make_old(url: str) -> None:
    """Make a ledger of the version before, with one row."""
    config = Config()
    config.set_main_option("script_location", "cxrmlops.backlog:migrations")
    engine = create_engine(ledger_address(url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql("INSERT INTO looks VALUES ('a', 'b', 'c')")
    engine.dispose()


def test_an_older_ledger_is_copied_beside_itself_before_it_is_changed(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    make_old(url)

    open_database(url)

    copy = tmp_path / "ledger.db.revision-0002"
    assert read_level(url).is_current
    assert read_level(f"sqlite:///{copy}").revision == "0002"
    with closing(sqlite3.connect(copy)) as before:
        assert before.execute("SELECT * FROM looks").fetchall() == [("a", "b", "c")]


def test_a_new_ledger_and_one_of_today_are_not_copied(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"

    open_database(url).dispose()
    open_database(url).dispose()

    assert list(tmp_path.glob("*revision*")) == []


def test_a_ledger_that_cannot_be_copied_is_not_changed(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/ledger.db"
    make_old(url)

    def fail(*_):
        raise ServiceError("it could not be copied")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_copy, "save", fail)
        with pytest.raises(ServiceError, match="could not be copied"):
            open_database(url)

    assert read_level(url).revision == "0002"


@pytest.mark.services
def test_a_ledger_on_postgres_is_dumped_here(postgres, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    empty_postgres(postgres)
    make_old(postgres)

    open_database(postgres)

    assert (tmp_path / "ledger.revision-0002.dump").read_bytes().startswith(b"PGDMP")
    assert read_level(postgres).is_current


@pytest.mark.services
def test_without_pg_dump_the_ledger_is_changed_and_that_is_warned_of(
    postgres, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    empty_postgres(postgres)
    make_old(postgres)

    with caplog.at_level(logging.WARNING):
        open_database(postgres)

    assert "without a copy: pg_dump is not installed" in caplog.text
    assert read_level(postgres).is_current
