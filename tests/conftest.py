"""Fixtures that many tests share."""

import gc
import os
import re
import shutil
from pathlib import Path
from typing import Literal

import pytest

from tests import listeners, orthanc
from tests.postgres import PostgreSQL

ROOT = Path(__file__).parent.parent


LIMIT = 2700  # seconds of a test that starts programs, on a slow and busy machine
REAL_IMAGES = {"real_data", "cases"}  # fixtures: folders of films that are not ours
MARKS = re.compile(r"^pytestmark = (\[[^]]*\]|.*)", re.MULTILINE)  # of a whole file


def pytest_configure() -> None:
    """Look for no garbage while libraries load: there is none, and it takes a tenth."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among what was loaded, again and again."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End a worker, which has told all: Python would take libraries apart for seconds.

    The program that the workers report to, or a run without workers, ends as usual.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os._exit(0)
    gc.unfreeze()  # Triton tells of what is never let go


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start a worker more than there are cores where tests wait for servers."""
    waits = "not integration" not in config.option.markexpr
    return len(os.sched_getaffinity(0)) + waits


def pytest_ignore_collect(
    collection_path: Path, config: pytest.Config
) -> Literal[True] | None:
    """Let `make unit` not even load a file of which it runs nothing.

    Prefect and MLflow, which such files import, take seconds in every worker.
    """
    asked = config.option.markexpr
    if "not integration" not in asked or collection_path.suffix != ".py":
        return None
    marks = MARKS.search(collection_path.read_text(encoding="utf-8"))
    has = set(re.findall(r"mark\.(\w+)", marks[1])) if marks else set()
    return True if has & set(re.findall(r"not (\w+)", asked)) else None


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of real films, let whole lines and servers take longer, order files.

    `make test` hands files out in this order. Whole lines come first: a file of minutes
    that is begun last would leave the other workers idle. What uses Prefect comes last:
    its server goes on to the end, and costs a fifth of a core while nobody asks it.
    """
    for item in items:
        if REAL_IMAGES.intersection(_fixtures(item)):
            item.add_marker(pytest.mark.integration)
    starts_programs = {
        item
        for item in items
        if any(map(item.get_closest_marker, ("slow", "services")))
    }
    for item in starts_programs:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))
    long_files = {item.path for item in starts_programs}
    of_prefect = {item.path for item in items if "prefect" in _fixtures(item)}
    items.sort(key=lambda item: (item.path in of_prefect, item.path not in long_files))


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real radiographs and odd DICOM files; tests skip where it is absent."""
    folder = Path(os.environ.get("CXR_TEST_DATA", ROOT / "../shared/data")).resolve()
    if not (folder / "real_cxr").is_dir():
        pytest.skip("real films are absent; set CXR_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def cases(real_data) -> Path:
    """Folder of films that were once read wrongly, beside the real data."""
    folder = real_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return folder


@pytest.fixture(scope="session")
def _orthanc(tmp_path_factory):
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def pacs(_orthanc):
    """A real archive on loopback with an empty store."""
    _orthanc.empty()
    return _orthanc


@pytest.fixture(scope="session")
def postgres():
    """The address of a fresh PostgreSQL on loopback; skips where there is none."""
    server = PostgreSQL()
    server.start()
    yield server.address
    server.stop()
    server.remove()


@pytest.fixture
def web():
    """A real server of HTTP on loopback, which answers what a test tells it to."""
    with listeners.http() as server:
        yield server


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory) -> Path:
    """A ledger without rows: making one takes longer than many a test."""
    from cxrmlops.backlog.database import open_database

    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def ledger(request, tmp_path, empty_ledger):
    """An empty ledger on each database that we promise."""
    from cxrmlops.backlog.database import open_database  # slow, and few tests need it

    if request.param == "sqlite":
        shutil.copy(empty_ledger, tmp_path / "ledger.db")
        return open_database(f"sqlite:///{tmp_path}/ledger.db")
    address = request.getfixturevalue("postgres")
    empty_postgres(address)
    return open_database(address)


def empty_postgres(address: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch, tmp_path_factory):
    """Keep tests away from the user's key, servers and clock."""
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "test-key")
    for name in (
        "CXR_CLOCK",
        "CXR_LEDGER_URL",
        "CXR_ARCHIVE",
        "CXR_AUDIT",
        "CXR_RESULTS_ARCHIVE",
        "CXR_RESULTS_ARCHIVE_TOKEN",
        "CXR_RESULTS_ARCHIVE_USER",
        "CXR_RESULTS_ARCHIVE_PASSWORD",
        "CXR_ARCHIVE_TOKEN",
        "CXR_ARCHIVE_USER",
        "CXR_ARCHIVE_PASSWORD",
        "CXR_NOTICE_WEBHOOK",
        "CXR_NOTICE_TOKEN",
        "CXR_SMTP_USER",
        "CXR_SMTP_PASSWORD",
        "CXR_SYSLOG",
        "CXR_AUDIT_MAX_MIB",
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_ARTIFACTS_DESTINATION",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_RUN_ID",
        "PREFECT_API_URL",
    ):
        monkeypatch.delenv(name, raising=False)


def needs(program: str, package: str) -> None:
    """Skip where a program is absent; infra/test_packages.sh installs it."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} (Debian: {package}) is not installed")


@pytest.fixture
def browser_page():
    """An empty page of a real browser."""
    from playwright.sync_api import sync_playwright  # slow, and few tests need it

    needs("chromium", "chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        ) as browser,
    ):
        yield browser.new_page()
