"""A night over a backlog of hostile files, and two good films among them."""

import shutil
from pathlib import Path

import pytest

from cxrmlops.backlog import ledger
from cxrmlops.backlog.database import open_database
from cxrmlops.tables import SCORED_IMAGES
from flows.score import score
from tests import make
from tests.flows.conftest import stand_in
from tests.flows.test_score import set_up
from tests.pipeline.test_hostile_files import pinned

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
GOOD = ("good-1.dcm", "good-2.dcm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, real_data, prefect, empty_mlflow):
    """A project after two nights over the same hostile backlog."""
    folder = tmp_path_factory.mktemp("hostile")
    bundle = make.make_reading_bundle(folder / "bundle")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch, chunk_studies=20)
        patch.setenv("CXR_WORKERS", "2")
        backlog = folder / "data/raw/backlog"
        shutil.copytree(real_data / "hostile_dicom", backlog, dirs_exist_ok=True)
        (backlog / "manifest.csv").unlink()
        for number, name in enumerate(GOOD, 1):
            film = make.make_readable_film(number, study=f"7{number}")
            make.save_film(film, backlog / name)
        (folder / "first.txt").write_text(score(str(bundle), return_state=True).message)
        (folder / "again.txt").write_text(score(str(bundle), return_state=True).message)
        yield folder


def outcomes(folder: Path) -> dict[str, str]:
    """Give the reason of each file of the backlog; "" was scored."""
    backlog = folder / "data/raw/backlog"
    found = {}
    for table in sorted((folder / "data/score").glob("*/images.parquet")):
        films = SCORED_IMAGES.read(table.parent)
        for path, reason in zip(films.path, films.reason, strict=True):
            found[Path(path).relative_to(backlog).as_posix()] = reason
    return found


def test_the_night_ends_balanced_and_nothing_has_failed(folder):
    said = (folder / "first.txt").read_text()

    counts = ledger.counts(open_database())
    assert said.endswith("failed 0")
    assert set(counts) == {"delivered", "rejected"}
    assert said.startswith(f"in {sum(counts.values())}, ")


def test_a_second_night_has_nothing_to_do(folder):
    assert (folder / "again.txt").read_text() == "nothing new"


def test_every_file_has_the_outcome_it_has_alone_or_is_a_copy(folder):
    found, alone = outcomes(folder), pinned()

    assert set(found) == {*alone, *GOOD}
    assert [found[name] for name in GOOD] == ["", ""]
    for name, (outcome, reason) in alone.items():
        allowed = {"", "duplicate"} if outcome == "scored" else {reason}
        assert found[name] in allowed, name


def test_good_films_among_hostile_ones_get_their_reports(folder):
    archive = folder / "data/archive"

    page = (folder / "data/report/reading_list.html").read_text()
    assert "ACC71" in page
    assert "ACC72" in page
    assert len(list(archive.glob("*.dcm"))) >= 4


def test_hostile_texts_are_escaped_on_the_page(folder):
    page = (folder / "data/report/reading_list.html").read_text()

    assert "<script>alert" not in page
    assert "DROP TABLE" not in page
