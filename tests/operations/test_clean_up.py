import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from cxrmlops.backlog import leases, ledger
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.schema import chunks, studies
from cxrmlops.cli import app
from cxrmlops.operations.clean_up import look, remove
from cxrmlops.promotion import approval_log
from cxrmlops.system.errors import ParamsError

LONG_AGO = datetime.now(UTC) - timedelta(days=100)


def age(path: Path, days: int = 100) -> None:
    """Make a file or folder, and all in it, old."""
    at = datetime.now(UTC).timestamp() - days * 86_400
    for one in (*path.rglob("*"), path):
        os.utime(one, (at, at))


def put(name: str, *, days: int = 100) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("12345")
    age(path, days)
    age(path.parent, days)
    return path


@pytest.fixture
def chunk(site) -> str:
    """A chunk that was delivered and shown 100 days ago; another one is open."""
    engine = open_database()
    images = {
        uid: [BacklogImage(uid, 1, 1, f"{uid}.1", uid)] for uid in ("1.2.1", "1.2.2")
    }
    ledger.enter(engine, images, model_key="m")
    made, other = (
        leases.claim(engine, model_key="m", size=1, run="r", started="2024-01-31").id
        for _ in range(2)
    )
    listed = LONG_AGO.isoformat(timespec="milliseconds")
    with transaction(engine) as connection:
        mine = chunks.c.id == made
        done = {"state": "done", "listed_at": listed}
        connection.execute(update(chunks).where(mine).values(**done))
        mine = studies.c.chunk == made
        connection.execute(update(studies).where(mine).values(state="delivered"))
    for name in (made, other):
        put(f"data/score/{name}/studies.parquet")
        put(f"data/report/{name}/1.dcm")
    put(f"data/score/{other}.failed.txt")
    put("data/score/archive.failed.txt")
    return made


def test_only_what_is_delivered_and_old_is_found_and_nothing_is_removed(chunk):
    found = look(90)

    assert {item.path.as_posix() for item in found.items} == {
        f"data/score/{chunk}",
        f"data/report/{chunk}",
        "data/score/archive.failed.txt",
    }
    assert all(item.path.exists() for item in found.items)
    assert list(found.lines(removed=False)) == [
        "would remove 1 x error notes, 0.0 MB",
        "would remove 2 x results, 0.0 MB",
    ]


def test_what_is_found_is_removed_and_the_rest_stays(chunk):
    before = {path for path in Path("data").rglob("*") if path.is_file()}

    remove(look(90))

    gone = before - {path for path in Path("data").rglob("*") if path.is_file()}
    assert {path.as_posix() for path in gone} == {
        f"data/score/{chunk}/studies.parquet",
        f"data/report/{chunk}/1.dcm",
        "data/score/archive.failed.txt",
    }
    assert look(90).items == ()


def test_what_is_younger_stays(chunk):
    assert look(101).items == ()

    put(f"data/report/{chunk}/2.dcm", days=1)
    found = {item.path.as_posix() for item in look(90).items}
    assert f"data/report/{chunk}" not in found


def test_what_the_ledger_does_not_know_is_counted_and_left(chunk):
    mine = put("data/report/somebodys own/file")

    found = look(90)
    remove(found)

    assert found.unknown == 1
    assert mine.exists()


@pytest.mark.usefixtures("site")
def test_bundles_in_use_and_before_are_kept():
    for number in "123":
        facts = {"version": number, "bundle_hash": number * 64}
        with approval_log.open_book() as book:
            book.add(approval_log.APPROVED, **facts, name="A. Person", reason="good")
        put(f".work/models/{number * 64}/model.json")

    assert [item.path.name for item in look(90).items] == ["1" * 64]


@pytest.mark.usefixtures("site")
def test_the_bundle_that_reads_along_is_kept():
    facts = {"version": "4", "bundle_hash": "4" * 64, "name": "A", "reason": "good"}
    put(f".work/models/{'4' * 64}/model.json")
    with approval_log.open_book() as book:
        book.add(approval_log.CHALLENGER, **facts)
    assert look(90).items == ()

    with approval_log.open_book() as book:
        book.add(approval_log.CHALLENGER_ENDED, **facts)

    assert [item.path.name for item in look(90).items] == ["4" * 64]


def test_without_a_ledger_nothing_is_known_to_be_done(site):
    put("data/report/abc/1.dcm")

    with pytest.raises(ParamsError, match="nobody knows what is still needed"):
        look(90)

    assert not (site / "ledger.db").exists()


def test_the_command_only_counts_unless_told(chunk):
    folder = Path(f"data/report/{chunk}")

    done = CliRunner().invoke(app, ["clean"])
    assert done.output.endswith("nothing was removed: add --delete\n")
    assert folder.exists()

    done = CliRunner().invoke(app, ["clean", "--older-than", "90", "--delete"])
    assert "removed 2 x results" in done.output
    assert not folder.exists()


def test_zero_days_are_refused(chunk):
    assert CliRunner().invoke(app, ["clean", "--older-than", "0"]).exit_code == 2
