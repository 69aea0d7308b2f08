import os
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from cxrmlops.backlog import challenges, folder_scan, import_cache, ledger
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.leases import Claimed
from cxrmlops.backlog.schema import studies
from cxrmlops.dicom.archive.transfer import name_of
from cxrmlops.system.errors import ParamsError, ServiceError
from cxrmlops.system.files import sha256_file

A, B = ".cxrmlops-spool/s/a.dcm", ".cxrmlops-spool/s/b.dcm"


@pytest.fixture
def engine(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/ledger.db")


def lay(backlog: Path, *places: str) -> None:
    for place in places:
        (backlog / place).parent.mkdir(parents=True, exist_ok=True)
        (backlog / place).write_text(place)


def fetch(engine, backlog: Path, *places: str) -> None:
    """Lay films as if an archive had given them."""
    import_cache.prepare(backlog)
    lay(backlog, *places)
    hashes = {place: sha256_file(backlog / place) for place in places}
    import_cache.note_fetched(
        engine,
        [
            BacklogImage(place, 1, 1, place, "1.2", content=h)
            for place, h in hashes.items()
        ],
    )


def entries(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name != import_cache.MARKER
    )


def enter(engine, *places: str, study: str = "1.2", state: str, model: str = "m"):
    """Put a study on the ledger whose films are these, and let it be in a state."""
    those = [BacklogImage(place, 1, 1, place, study) for place in places]
    folder_scan.note_images(engine, those)
    ledger.enter(engine, {study: those}, model_key=model)
    with transaction(engine) as connection:
        last = connection.execute(studies.select().order_by(studies.c.id.desc()))
        ledger.set_study(connection, last.first().id, state=state, outcome="scored")


def lying(backlog: Path) -> list[str]:
    return sorted(
        path.relative_to(backlog).as_posix() for path in backlog.rglob("*.dcm")
    )


@pytest.mark.parametrize("state", ["delivered", "rejected"])
def test_images_of_an_answered_study_are_removed(engine, tmp_path, state):
    fetch(engine, tmp_path, A)
    enter(engine, A, state=state)

    assert import_cache.clear(engine, tmp_path) == 1
    assert entries(tmp_path / import_cache.FOLDER) == []


@pytest.mark.parametrize(
    "state", ["found", "claimed", "scored", "written", "failed", "withdrawn"]
)
def test_images_that_are_needed_stay(engine, tmp_path, state):
    fetch(engine, tmp_path, A)
    enter(engine, A, state=state)

    assert import_cache.clear(engine, tmp_path) == 0
    assert lying(tmp_path) == [A]


def test_images_that_a_challenger_has_yet_to_read_stay(engine, tmp_path):
    fetch(engine, tmp_path, A)
    enter(engine, A, state="delivered")
    chunk = SimpleNamespace(studies=(Claimed(1, "1.2", (A,), "delivered"),))
    challenges.enlist(engine, chunk, {"1.2": {}}, {}, bundle_hash="a" * 64)

    assert import_cache.clear(engine, tmp_path) == 0

    challenges.keep_only(engine, "")
    assert import_cache.clear(engine, tmp_path) == 1
    assert lying(tmp_path) == []


def test_a_late_image_keeps_the_others_of_its_study(engine, tmp_path):
    fetch(engine, tmp_path, A, B)
    enter(engine, A, state="delivered")

    import_cache.clear(engine, tmp_path)  # the night ended before B was on the ledger
    assert lying(tmp_path) == [A, B]

    enter(engine, A, B, state="found")
    import_cache.clear(engine, tmp_path)
    assert lying(tmp_path) == [A, B]


@pytest.mark.parametrize("place", ["mine/a.dcm", "archive/ward3/a.dcm", B])
def test_images_that_nobody_fetched_are_never_removed(engine, tmp_path, place):
    import_cache.prepare(tmp_path)
    lay(tmp_path, place)
    enter(engine, place, state="delivered")

    assert import_cache.clear(engine, tmp_path) == 0
    assert lying(tmp_path) == [place]


def test_a_fetched_image_that_somebody_changed_and_what_lies_beside_it_stay(
    engine, tmp_path
):
    fetch(engine, tmp_path, A, B)
    (tmp_path / A).write_text("changed")
    (tmp_path / import_cache.FOLDER / "s/notes.txt").write_text("mine")
    enter(engine, A, B, state="delivered")

    assert import_cache.clear(engine, tmp_path) == 1
    assert entries(tmp_path / import_cache.FOLDER / "s") == ["a.dcm", "notes.txt"]


def test_a_folder_of_that_name_that_somebody_else_made_is_refused(engine, tmp_path):
    lay(tmp_path, A)
    enter(engine, A, state="delivered")

    assert import_cache.clear(engine, tmp_path) == 0
    with pytest.raises(ParamsError, match="cxrmlops did not put there; move it"):
        import_cache.prepare(tmp_path)
    assert lying(tmp_path) == [A]


def test_images_that_an_earlier_version_fetched_stay_answered_and_are_told(
    engine, tmp_path
):
    old = f"archive/{name_of('1.2')}/a.dcm"
    lay(tmp_path, old, "archive/ward3/b.dcm")
    enter(engine, old, state="delivered")

    assert import_cache.say_what_was_left(engine, tmp_path) == 1
    new = old.replace("archive", import_cache.FOLDER)
    assert import_cache.answered(engine, [new]) == {new}


def test_only_answers_count_and_with_a_model_its_own(engine):
    enter(engine, A, state="delivered", model="old")
    enter(engine, B, study="1.3", state="found", model="old")

    assert import_cache.answered(engine, [A, B, ".cxrmlops-spool/x/y.dcm"]) == {A}
    assert import_cache.answered(engine, [A, B], model_key="new") == set()
    assert import_cache.answered(engine, [A, B], model_key="old") == {A}


def test_what_was_passed_over_is_remembered(engine):
    import_cache.pass_over(engine, A, "too_large")

    assert import_cache.passed_over(engine, [A, B]) == {A}
    assert import_cache.answered(engine, [A, B]) == set()


def test_more_images_than_one_query_takes(engine):
    places = [f".cxrmlops-spool/{n}/f.dcm" for n in range(1200)]
    folder_scan.note_images(
        engine, [BacklogImage(p, 1, 1, p, f"1.{p}") for p in places]
    )
    enter(engine, places[-1], study="9", state="delivered")

    assert import_cache.answered(engine, places) == {places[-1]}
    assert import_cache.passed_over(engine, places) == set()


def test_a_study_appears_whole_or_not_at_all(tmp_path):
    folder = tmp_path / ".cxrmlops-spool/s"

    with suppress(ServiceError), import_cache.arriving(folder) as draft:
        (draft / "a.dcm").write_text("a")
        arrived, _ = folder_scan.look(
            tmp_path, known=lambda places: {}, settle_minutes=0
        )
        assert arrived.n_files == 0
        raise ServiceError("gone")
    assert lying(tmp_path) == []

    with import_cache.arriving(folder) as draft:
        (draft / "a.dcm").write_text("a")
        (draft / "b.dcm").write_text("b")
    assert lying(tmp_path) == [A, B]


def test_images_join_those_of_their_study(tmp_path):
    lay(tmp_path, A)

    with import_cache.arriving(tmp_path / ".cxrmlops-spool/s") as draft:
        (draft / "b.dcm").write_text("b")

    assert lying(tmp_path) == [A, B]
    assert entries(tmp_path / import_cache.FOLDER) == ["s"]


def test_what_a_killed_run_left_goes_after_a_day(engine, tmp_path):
    import_cache.prepare(tmp_path)
    for name, age in (("new", 0), ("old", 2 * 86_400)):
        draft = tmp_path / f".cxrmlops-spool/.{name}.1.part"
        lay(draft, "a.dcm")
        os.utime(draft, (time.time() - age,) * 2)

    import_cache.clear(engine, tmp_path)

    assert entries(tmp_path / import_cache.FOLDER) == [".new.1.part"]
