import sqlite3
import stat
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.schema import images, metadata, studies
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.rollout_log import stage_of
from cxrmlops.system.errors import ParamsError, ServiceError

INDEXES_BEFORE = (  # what revisions 0007 and 0008 changed
    "DROP INDEX ix_studies_state",
    "DROP INDEX ix_studies_next",
    "DROP INDEX ix_chunks_state",
    "DROP INDEX ix_chunks_run",
    "CREATE INDEX ix_studies_waiting ON studies (model_key, state, chunk)",
)


def test_migrations_make_the_tables_that_the_code_uses(ledger):
    with ledger.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)

    assert difference == []


def test_the_ledger_file_is_readable_for_its_owner_alone(tmp_path):
    path = tmp_path / "ledger.db"

    with transaction(open_database(f"sqlite:///{path}")):
        files = list(tmp_path.iterdir())

    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_readers_do_not_wait_for_a_writer(tmp_path):
    path = tmp_path / "ledger.db"

    with transaction(open_database(f"sqlite:///{path}")):
        rows = sqlite3.connect(path).execute("SELECT count(*) FROM studies").fetchone()

    assert rows == (0,)


@pytest.mark.integration
def test_opening_the_ledger_again_takes_no_lock_from_those_who_use_it(tmp_path):
    # Without its lock the other process takes itself for the last one and removes the
    # write-ahead log that we are writing to.
    path = tmp_path / "ledger.db"
    other = f"""
import sqlite3
ledger = sqlite3.connect({str(path)!r})
ledger.execute("SELECT count(*) FROM studies").fetchall()
ledger.close()
"""
    held = open_database(f"sqlite:///{path}").connect()
    log = path.with_name("ledger.db-wal")
    before = log.stat().st_ino

    open_database(f"sqlite:///{path}")
    subprocess.run([sys.executable, "-c", other], check=True)

    assert log.exists()
    assert log.stat().st_ino == before
    held.close()


def test_a_block_that_fails_changes_nothing(ledger):
    def write_and_fail(connection):
        connection.exec_driver_sql("INSERT INTO looks VALUES ('a', 'b', 'c')")
        raise KeyError

    with pytest.raises(KeyError), transaction(ledger) as connection:
        write_and_fail(connection)

    with transaction(ledger) as connection:
        assert connection.exec_driver_sql("SELECT * FROM looks").all() == []


@pytest.mark.parametrize(
    "address", ["nonsense", "mysql://user:secret@host/db", "oracle://x", ""]
)
def test_an_address_we_do_not_know_is_refused_without_showing_it(address, monkeypatch):
    monkeypatch.setenv("CXR_LEDGER_URL", address or " ")

    with pytest.raises(ParamsError, match="CXR_LEDGER_URL is not an address") as error:
        open_database()

    assert "secret" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ParamsError, match="folder .*/no is missing"):
        open_database(f"sqlite:///{tmp_path}/no/ledger.db")


def test_a_database_that_does_not_answer_can_be_tried_again():
    with pytest.raises(ServiceError, match="host 127.0.0.1 did not answer") as error:
        open_database("postgresql://user:secret@127.0.0.1:9/db")

    assert "secret" not in str(error.value)


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path):
    address = f"sqlite:///{tmp_path}/ledger.db"
    with transaction(open_database(address)) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ParamsError, match="made by a newer cxrmlops"):
        open_database(address)


def test_what_an_earlier_version_noted_of_images_stays(ledger):
    with transaction(ledger) as connection:
        for change in (
            *INDEXES_BEFORE,
            "DROP TABLE challenges",
            "ALTER TABLE objects DROP COLUMN target",
            "DROP TABLE nights",
            "ALTER TABLE chunks DROP COLUMN error",
            "ALTER TABLE images RENAME TO films",
            "DROP INDEX ix_images_study_uid",
            "CREATE INDEX ix_films_study_uid ON films (study_uid)",
            "ALTER TABLE studies RENAME COLUMN images TO films",
            "UPDATE alembic_version SET version_num = '0003'",
            "INSERT INTO films (place, bytes, mtime_ns, sop_instance_uid, study_uid) "
            "VALUES ('a.dcm', 1, 2, '1.1.1', '1.1')",
            "INSERT INTO studies (study_uid, source_key, model_key, films, state, "
            "outcome, reason, alone, run, found_at) VALUES "
            "('1.1', 'k', 'm', '[\"a.dcm\"]', 'found', '', '', 0, '', '2024-01-31')",
        ):
            connection.exec_driver_sql(change)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER INDEX images_pkey RENAME TO films_pkey")

    again = open_database(ledger.url.render_as_string(hide_password=False))

    with transaction(again) as connection:
        assert connection.execute(select(images.c.place)).scalars().all() == ["a.dcm"]
        assert connection.execute(select(studies.c.images)).scalar_one() == ["a.dcm"]
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    assert difference == []


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "ledger.db").write_text("no database at all, but long enough" * 99)

    with pytest.raises(ParamsError, match="is no ledger: not an SQLite database"):
        open_database(f"sqlite:///{tmp_path}/ledger.db")


@pytest.mark.parametrize("state", ["delivered", "written"])
def test_a_site_that_has_delivered_goes_on_and_another_begins_in_shadow(ledger, state):
    with transaction(ledger) as connection:
        for change in (
            *INDEXES_BEFORE,
            "DROP TABLE challenges",
            "ALTER TABLE objects DROP COLUMN target",
            "UPDATE alembic_version SET version_num = '0005'",
            "INSERT INTO studies (study_uid, source_key, model_key, images, state, "
            "outcome, reason, alone, run, found_at, id) VALUES "
            "('1.1', 'k', 'm', '[]', 'delivered', '', '', 0, '', '2024-01-31', 1)",
            "INSERT INTO objects (sop_instance_uid, kind, series_instance_uid, "
            "sop_class_uid, study, state, receipt, written_at) VALUES "
            f"('1.1.9', 'report', '1', '1', 1, '{state}', '', '2024-01-31')",
        ):
            connection.exec_driver_sql(change)
    address = ledger.url.render_as_string(hide_password=False)

    rows = approval_log.entries(address)

    has_delivered = state == "delivered"
    assert stage_of(rows) == ("active" if has_delivered else "shadow")
    assert len(rows) == has_delivered
    assert approval_log.first_broken(rows) is None
