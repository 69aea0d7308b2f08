import pytest

from cxrmlops.backlog.database import open_database
from tests.postgres import PostgreSQL


@pytest.fixture(scope="session")
def postgres():
    """The address of a fresh PostgreSQL on loopback; skips where there is none."""
    server = PostgreSQL()
    server.start()
    yield server.address
    server.stop()
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def ledger(request, tmp_path):
    """An empty ledger on each database that we promise."""
    if request.param == "sqlite":
        return open_database(f"sqlite:///{tmp_path}/ledger.db")
    address = request.getfixturevalue("postgres")
    empty_postgres(address)
    return open_database(address)


def empty_postgres(address: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
