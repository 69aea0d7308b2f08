"""
A night over a backlog of hostile files, with good films among them.

Good and broken films carry planted identifiers, which must come out nowhere but in the
objects for the archive, the reading list and the ledger.
"""

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from pydicom import dcmread

from cxrmlops.backlog import ledger
from cxrmlops.backlog.database import open_database
from cxrmlops.records.tables import SCORED_IMAGES
from flows.score import score
from tests import make
from tests.flows.conftest import stand_in
from tests.flows.test_score import set_up
from tests.pipeline.test_hostile_files import pinned
from tests.pipeline.test_no_identifier_leaks import (
    IDENTIFIED,
    canaries,
    naming_files,
    planted,
    tables,
    words,
    write_broken_files,
)

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
PERSON = ("PatientID", "PatientName", "PatientBirthDate", "IssuerOfPatientID")
# what a file that is scored alone may be beside others of its UIDs
COPIES = {"", "duplicate", "replaced", "uid_conflict"}
GOOD = ("canaryfile-good-1.dcm", "canaryfile-good-2.dcm")


class Heard(logging.Handler):
    """Keeps every word of every logger, formatted as a terminal would show it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(self.format(record))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, real_data, prefect, empty_mlflow):
    """A project after two nights over the same hostile backlog."""
    folder = tmp_path_factory.mktemp("hostile")
    bundle = make.make_reading_bundle(folder / "bundle")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch, chunk_studies=20)
        patch.setenv("CXR_WORKERS", "2")
        fill(folder / "data/raw/backlog", real_data / "hostile_dicom")
        heard = Heard()
        logging.getLogger().addHandler(heard)
        for night in ("first", "again"):
            said = score(str(bundle), return_state=True).message
            (folder / f"{night}.txt").write_text(said)
        logging.getLogger().removeHandler(heard)
        (folder / "heard.txt").write_text("\n".join(heard.words))
        yield folder


def fill(backlog: Path, hostile: Path) -> None:
    shutil.copytree(hostile, backlog, dirs_exist_ok=True)
    (backlog / "manifest.csv").unlink()
    for number, name in enumerate(GOOD, 1):
        make.save_image(planted(number), backlog / name)
    write_broken_files(backlog)


def outcomes(folder: Path) -> dict[str, str]:
    """Give the reason of each file of the backlog; "" was scored.

    What stands in a study of several patients is refused with it, whatever it is; its
    own reason is kept beside that.
    """
    backlog = folder / "data/raw/backlog"
    found = {}
    for table in sorted((folder / "data/score").glob("*/images.parquet")):
        images = SCORED_IMAGES.read(table.parent)
        mixed = images.reason == "patient_mismatch"
        own = images.detail.str.extract(r"^else: (\w+)", expand=False).fillna("")
        reasons = images.reason.mask(mixed, own)
        for path, reason in zip(images.path, reasons, strict=True):
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

    assert set(alone) < set(found)
    assert [found[name] for name in GOOD] == ["", ""]
    for name, (outcome, reason) in alone.items():
        allowed = COPIES if outcome == "scored" else {reason}
        assert found[name] in allowed, name


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about such headers
def test_a_study_is_refused_as_mixed_only_where_its_files_name_several_patients(folder):
    tables = sorted((folder / "data/score").glob("*/images.parquet"))
    images = pd.concat([SCORED_IMAGES.read(table.parent) for table in tables])
    studies = images[images.study_instance_uid != ""].groupby("study_instance_uid")
    mixed = studies.reason.agg(lambda of: (of == "patient_mismatch").any())

    assert mixed.any()
    for uid, paths in studies.path:
        headers = [dcmread(path, stop_before_pixels=True, force=True) for path in paths]
        people = {str([one.get(name) for name in PERSON]) for one in headers}
        assert len(people) > 1 or not mixed[uid], paths.tolist()


def test_good_images_among_hostile_ones_get_their_reports(folder):
    archive = folder / "data/archive"

    page = (folder / "data/report/reading_list.html").read_text()
    assert "CANARYACC1" in page
    assert "CANARYACC2" in page
    assert len(list(archive.glob("*.dcm"))) >= 4


def test_hostile_texts_are_escaped_on_the_page(folder):
    page = (folder / "data/report/reading_list.html").read_text()

    assert "<script>alert" not in page
    assert "DROP TABLE" not in page


def test_the_night_said_much_and_named_nobody(folder):
    heard = (folder / "heard.txt").read_text()

    assert "studies" in heard
    assert canaries(heard) == set()


@pytest.mark.usefixtures("folder")
def test_prefect_keeps_no_identifier_in_any_byte():
    at = Path(str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2])
    with closing(sqlite3.connect(at)) as database:
        said = "\n".join(database.iterdump())

    assert "open night" in said
    assert canaries(said) == set()
    kept = [
        *at.parent.glob(f"{at.name}*"),
        *Path(os.environ["PREFECT_HOME"]).rglob("*"),
    ]
    for path in (path for path in kept if path.is_file()):
        assert canaries(path.read_bytes().decode("latin-1")) == set(), path.name
        assert canaries(path.name) == set()


def test_mlflow_learns_nothing_of_a_night(folder):
    content = (folder / "mlflow.db").read_bytes().decode("latin-1")

    assert canaries(content) == set()


def test_rows_of_the_night_name_the_image_and_not_the_patient(folder):
    for name, frame in tables(folder / "data/score"):
        uids = {column for column in frame.columns if column.endswith("_uid")}
        assert canaries(words(frame, but=IDENTIFIED | uids)) == set(), name


def test_no_result_is_named_after_anybody(folder):
    made = [p for name in ("score", "report", "archive") for p in below(folder, name)]

    assert made
    assert canaries("\n".join(str(path.relative_to(folder)) for path in made)) == set()


def below(folder: Path, name: str) -> list[Path]:
    return list((folder / "data" / name).rglob("*"))


def test_what_names_anybody_is_for_its_owner_alone(folder):
    found = list(naming_files(folder / "data", but={"raw"}))
    found += [path for path in folder.glob("ledger.db*")]

    assert {".dcm", ".parquet", ".db", ".html"} <= {path.suffix for path in found}
    for path in found:
        assert path.stat().st_mode & 0o077 == 0, path
        # the project's own folder is pytest's, and closed anyway
        within = [folder / part for part in path.relative_to(folder).parents[:-1]]
        closed = [part for part in within if part.stat().st_mode & 0o077 == 0]
        assert closed or path.parent == folder, path
