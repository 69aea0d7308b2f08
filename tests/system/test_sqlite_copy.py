import sqlite3
import stat
from contextlib import closing

import pytest

from cxrmlops.system.errors import ServiceError
from cxrmlops.system.sqlite_copy import put_back, read_only, save


def rows(path) -> list:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT n FROM t ORDER BY n").fetchall()


@pytest.fixture
def database(tmp_path):
    """A database in WAL mode, as the ledger is, that somebody has open."""
    path = tmp_path / "odd name?.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        yield path


def test_a_copy_holds_what_is_only_in_the_log_and_nothing_uncommitted(
    database, tmp_path
):
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
        writer.execute("INSERT INTO t VALUES (3)")
        save(database, tmp_path / "copies/ledger.db")

    copy = tmp_path / "copies/ledger.db"
    assert rows(copy) == [(1,), (2,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["ledger.db"]


def test_what_is_put_back_is_seen_by_those_who_have_the_database_open(
    database, tmp_path
):
    save(database, tmp_path / "copy.db")
    with closing(sqlite3.connect(database)) as other:
        other.execute("DELETE FROM t")
        other.commit()

        put_back(tmp_path / "copy.db", database)

        assert other.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_a_database_that_is_gone_comes_back_for_its_owner_alone(database, tmp_path):
    save(database, tmp_path / "copy.db")
    again = tmp_path / "new/ledger.db"

    put_back(tmp_path / "copy.db", again)

    assert rows(again) == [(1,)]
    assert stat.S_IMODE(again.stat().st_mode) == 0o600


def test_a_database_that_is_missing_is_not_made_by_asking(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_only(tmp_path / "no.db")
    with pytest.raises(ServiceError, match="it is missing"):
        save(tmp_path / "no.db", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_leaves_no_copy(tmp_path):
    (tmp_path / "no.db").write_text("no database, but long enough to be one" * 99)

    with pytest.raises(ServiceError, match="nothing was written"):
        save(tmp_path / "no.db", tmp_path / "copy.db")

    assert [path.name for path in tmp_path.iterdir()] == ["no.db"]


def test_a_broken_file_in_its_place_is_named_and_left(database, tmp_path):
    save(database, tmp_path / "copy.db")
    broken = tmp_path / "broken.db"
    broken.write_text("no database, but long enough to be one" * 99)

    with pytest.raises(ServiceError, match="broken.db could not be written.*move it"):
        put_back(tmp_path / "copy.db", broken)

    assert broken.read_text().startswith("no database")
