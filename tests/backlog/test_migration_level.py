import pytest

from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.system.errors import ParamsError, ServiceError


def test_a_ledger_in_use_has_the_newest_revision(ledger):
    level = read_level(ledger.url.render_as_string(hide_password=False))

    assert level.is_current
    assert not level.is_newer
    assert level.revision == level.newest


def test_asking_makes_no_ledger(tmp_path):
    level = read_level(f"sqlite:///{tmp_path}/ledger.db")

    assert level.revision is None
    assert not level.is_current
    assert list(tmp_path.iterdir()) == []


def test_an_older_ledger_is_told_and_left_as_it_is(tmp_path):
    address = f"sqlite:///{tmp_path}/ledger.db"
    with transaction(open_database(address)) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")

    level = read_level(address)

    assert (level.revision, level.is_current, level.is_newer) == ("0001", False, False)
    assert read_level(address).revision == "0001"


def test_a_newer_ledger_is_told(tmp_path):
    address = f"sqlite:///{tmp_path}/ledger.db"
    with transaction(open_database(address)) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    assert read_level(address).is_newer


def test_a_server_that_is_down_is_told_without_its_password():
    with pytest.raises(ServiceError, match="did not answer") as error:
        read_level("postgresql://user:secret@127.0.0.1:9/db")

    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "ledger.db").write_text("no database at all, but long enough" * 99)

    with pytest.raises(ParamsError, match="not an SQLite database"):
        read_level(f"sqlite:///{tmp_path}/ledger.db")
