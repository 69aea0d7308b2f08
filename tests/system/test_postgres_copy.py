import os
import stat
import subprocess

import pytest

from cxrmlops.system import postgres_copy
from cxrmlops.system.errors import ParamsError, ResourceError, ServiceError
from cxrmlops.system.postgres_copy import has_tables, put_back, save
from tests.conftest import empty_postgres


@pytest.fixture
def database(postgres):
    """An empty database, and its address."""
    import psycopg

    if not postgres_copy.is_here():
        pytest.skip("pg_dump (Debian: postgresql-client) is not installed")
    empty_postgres(postgres)
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield connection, postgres


@pytest.mark.services
def test_a_database_that_is_destroyed_comes_back(database, tmp_path):
    connection, address = database
    connection.execute("CREATE TABLE t (n int)")
    connection.execute("INSERT INTO t VALUES (1), (2)")
    assert has_tables(address)

    save(address, tmp_path / "copy.dump")
    connection.execute("DROP TABLE t")
    assert not has_tables(address)
    put_back(tmp_path / "copy.dump", address)

    assert connection.execute("SELECT n FROM t ORDER BY n").fetchall() == [(1,), (2,)]
    assert stat.S_IMODE((tmp_path / "copy.dump").stat().st_mode) == 0o600


@pytest.mark.services
def test_a_copy_replaces_what_came_after_it(database, tmp_path):
    connection, address = database
    connection.execute("CREATE TABLE t (n int)")
    save(address, tmp_path / "copy.dump")
    connection.execute("INSERT INTO t VALUES (3)")

    put_back(tmp_path / "copy.dump", address)

    assert connection.execute("SELECT n FROM t").fetchall() == []


@pytest.mark.services
def test_a_copy_that_is_broken_changes_nothing(database, tmp_path):
    connection, address = database
    connection.execute("CREATE TABLE t (n int)")
    (tmp_path / "copy.dump").write_bytes(b"PGDMP and nothing that makes sense")

    with pytest.raises(ServiceError, match="nothing was changed"):
        put_back(tmp_path / "copy.dump", address)

    assert has_tables(address)


def test_a_server_that_is_down_leaves_no_copy_and_shows_no_password(tmp_path):
    if not postgres_copy.is_here():
        pytest.skip("pg_dump (Debian: postgresql-client) is not installed")

    with pytest.raises(ServiceError, match="pg_dump did not do its part") as error:
        save("postgresql://u:secret@127.0.0.1:9/db", tmp_path / "copy.dump")

    assert "secret" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_not_on_the_command_line(tmp_path, monkeypatch):
    seen = {}

    def run(words, *, env, **_):
        seen["words"], seen["password"] = words, env["PGPASSWORD"]
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(postgres_copy.subprocess, "run", run)
    address = "postgresql+psycopg://u%40x:s%2Fcret@db.example:5433/a=b"

    put_back(tmp_path / "copy.dump", address)

    assert seen["password"] == "s/cret"
    assert "s/cret" not in " ".join(seen["words"])
    assert {"--host=db.example", "--port=5433", "--username=u@x"} <= set(seen["words"])
    assert "--dbname=dbname='a=b'" in seen["words"]


def test_without_the_programs_their_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.fspath(tmp_path))

    with pytest.raises(ResourceError, match="postgresql-client"):
        save("postgresql://u@127.0.0.1/db", tmp_path / "copy.dump")


@pytest.mark.parametrize("address", ["sqlite:///x", "postgresql://host", "x://["])
def test_another_address_is_refused(address, tmp_path):
    with pytest.raises(ParamsError, match="no address of a PostgreSQL database"):
        save(address, tmp_path / "copy.dump")
