import shutil
import time
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxrmlops.backlog import archive_import, folder_scan, import_cache, ledger
from cxrmlops.backlog.archive_import import ArchiveQuery, Incoming
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.schema import studies
from cxrmlops.dicom.archive.transfer import RemoteImage
from cxrmlops.system.errors import AccessError, RefusedError, Rejected, ServiceError
from tests import make


class Shelf:
    """An archive in a folder that tells of its films what a query would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] | None = None  # attributes; None: all
        self.trouble: dict[str, Exception] = {}  # study UID -> what fetching raises
        self.fetched: list[str] = []

    def put(self, study: str, number: int = 0, **attributes: object) -> Path:
        uid = f"{study}.1.{number}"
        image = make.make_chest_image(study=study, SOPInstanceUID=uid, **attributes)
        return make.save_image(image, self.folder / f"{uid}.dcm")

    def find_studies(self, modality: str, first: date, last: date) -> set[str]:
        return {
            image.study_uid
            for image in self._images()
            if dcmread(self.folder / f"{image.sop_uid}.dcm").Modality == modality
        }

    def find_images(self, study_uid: str) -> list[RemoteImage]:
        return [image for image in self._images() if image.study_uid == study_uid]

    def fetch(self, image: RemoteImage, place: Path, *, max_bytes: int) -> None:
        if image.study_uid in self.trouble:
            raise self.trouble[image.study_uid]
        self.fetched.append(image.sop_uid)
        shutil.copy(self.folder / f"{image.sop_uid}.dcm", place)

    def _images(self) -> list[RemoteImage]:
        return [self._image(dcmread(path)) for path in sorted(self.folder.iterdir())]

    def _image(self, image: Dataset) -> RemoteImage:
        told = image
        if self.told is not None:
            told = Dataset()
            for keyword in self.told:
                setattr(told, keyword, image.get(keyword))
        uids = image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID
        return RemoteImage(*map(str, uids), told, is_complete=self.told is None)


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    (tmp_path / "shelf").mkdir()
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def engine(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def backlog(tmp_path) -> Path:
    (tmp_path / "backlog").mkdir()
    return tmp_path / "backlog"


def ask(shelf, engine, backlog, *, model_key: str | None = None) -> Incoming:
    """Ask for everything of one day."""
    wishes = ArchiveQuery(
        first=date(2017, 6, 1),
        last=date(2017, 6, 1),
        scope=make.SCOPE,
        time_zone="UTC",
        model_key=model_key,
    )
    asked = Incoming(shelf, wishes, engine=engine, backlog=backlog)
    asked.ask()
    return asked


def night(shelf, engine, backlog, *, model_key: str | None = None) -> Incoming:
    """Ask and fetch everything."""
    asked = ask(shelf, engine, backlog, model_key=model_key)
    asked.fetch(at_most=1000)
    return asked


def read(engine, backlog, *, model: str = "m", state: str = "delivered") -> None:
    """Do what a night does with films: on the ledger, answered, and away."""
    arrived, unknown = folder_scan.look(
        backlog, known=partial(folder_scan.known_images, engine), settle_minutes=0
    )
    folder_scan.note_images(engine, unknown)
    ledger.enter(engine, arrived.studies, model_key=model, rescore=True)
    with transaction(engine) as connection:
        waits = studies.c.state == ledger.FOUND
        connection.execute(
            studies.update().where(waits).values(state=state, outcome="scored")
        )
    import_cache.clear(engine, backlog)


def names(backlog: Path) -> list[str]:
    return sorted(str(dcmread(p).SOPInstanceUID) for p in backlog.rglob("*.dcm"))


def test_images_for_us_are_fetched_and_the_rest_is_counted_by_reason(
    shelf, engine, backlog
):
    shelf.put("1.1")
    shelf.put("1.1", 1, ViewPosition="LL")
    shelf.put("1.2", PatientAge="010Y")
    shelf.put("1.3", BodyPartExamined="KNEE")
    shelf.put("1.4", Modality="CR")

    asked = night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0", "1.4.1.0"]
    assert asked.images == Counter(
        {"fetched": 2, "lateral": 1, "child": 1, "not_chest": 1}
    )
    assert asked.is_done
    assert not asked.troubles


def test_a_study_without_an_image_for_us_is_none_of_those_that_came(
    shelf, engine, backlog
):
    shelf.put("1.1", ViewPosition="LL")
    shelf.put("1.2")
    shelf.put("1.3")
    asked = ask(shelf, engine, backlog)

    assert asked.fetch(at_most=1) == 1
    assert names(backlog) == ["1.2.1.0"]
    assert asked.fetch(at_most=2) == 1
    assert asked.is_done


def test_an_image_that_is_not_evaluable_is_fetched_to_be_answered(
    shelf, engine, backlog
):
    shelf.put("1.1", NumberOfFrames=2)

    night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0"]


def test_names_of_files_tell_no_uid(shelf, engine, backlog):
    shelf.put("1.1")

    night(shelf, engine, backlog)

    (image,) = backlog.rglob("*.dcm")
    assert "1.1" not in image.relative_to(backlog).as_posix().removesuffix(".dcm")


def test_what_is_answered_is_not_fetched_again(shelf, engine, backlog):
    shelf.put("1.1")
    night(shelf, engine, backlog)
    read(engine, backlog)

    asked = night(shelf, engine, backlog)

    assert shelf.fetched == ["1.1.1.0"]
    assert asked.images == {"known": 1}
    assert names(backlog) == []


@pytest.mark.parametrize("state", ["found", "claimed", "failed"])
def test_what_lies_here_is_not_fetched_again(shelf, engine, backlog, state):
    shelf.put("1.1")
    night(shelf, engine, backlog)
    read(engine, backlog, state=state)

    night(shelf, engine, backlog)

    assert shelf.fetched == ["1.1.1.0"]


def test_what_waits_and_was_lost_is_fetched_again(shelf, engine, backlog):
    shelf.put("1.1")
    night(shelf, engine, backlog)
    read(engine, backlog, state="claimed")
    shutil.rmtree(backlog / import_cache.FOLDER)

    night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0"]


def test_a_late_image_brings_its_whole_study(shelf, engine, backlog):
    shelf.put("1.1")
    night(shelf, engine, backlog)
    read(engine, backlog)
    shelf.put("1.1", 1)

    night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0", "1.1.1.1"]


def test_another_model_asks_again_only_when_told_to(shelf, engine, backlog):
    shelf.put("1.1")
    night(shelf, engine, backlog)
    read(engine, backlog, model="old")

    night(shelf, engine, backlog)
    assert shelf.fetched == ["1.1.1.0"]
    night(shelf, engine, backlog, model_key="new")
    assert shelf.fetched == ["1.1.1.0"] * 2
    read(engine, backlog, model="new")
    night(shelf, engine, backlog, model_key="new")
    assert shelf.fetched == ["1.1.1.0"] * 2


def test_what_an_archive_does_not_tell_is_read_from_the_image(shelf, engine, backlog):
    shelf.told = ["SOPInstanceUID", "Modality"]
    shelf.put("1.1")
    shelf.put("1.2", BodyPartExamined="KNEE")

    asked = night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0"]
    assert asked.images == {"fetched": 1, "not_chest": 1}
    night(shelf, engine, backlog)
    assert shelf.fetched == ["1.1.1.0", "1.2.1.0"]  # the knee is remembered


def test_an_image_that_is_too_large_is_asked_for_once(shelf, engine, backlog):
    shelf.put("1.1")
    shelf.trouble["1.1"] = Rejected("too_large", "more than 1 bytes")

    asked = night(shelf, engine, backlog)
    shelf.trouble.clear()
    night(shelf, engine, backlog)

    assert asked.images == {"too_large": 1}
    assert shelf.fetched == []
    assert list(backlog.rglob("*.dcm")) == []


@pytest.mark.parametrize("error", [ServiceError("gone"), RefusedError("no")])
def test_a_study_that_does_not_come_stops_no_other(shelf, engine, backlog, error):
    for study in ("1.1", "1.2", "1.3"):
        shelf.put(study)
        shelf.put(study, 1)
    shelf.trouble["1.2"] = error

    asked = night(shelf, engine, backlog)

    assert names(backlog) == ["1.1.1.0", "1.1.1.1", "1.3.1.0", "1.3.1.1"]
    assert asked.troubles == {str(error): 1}
    shelf.trouble.clear()
    night(shelf, engine, backlog)
    assert len(names(backlog)) == 6  # nothing is lost


@pytest.mark.parametrize(
    ("error", "tried"), [(ServiceError("gone"), 3), (AccessError("who"), 1)]
)
def test_an_archive_that_is_gone_is_left_alone(
    shelf, engine, backlog, error, tried, monkeypatch
):
    monkeypatch.setattr(archive_import, "GIVE_UP", 3)
    calls = []
    for number in range(9):
        shelf.put(f"1.{number}")
    monkeypatch.setattr(
        shelf, "find_images", lambda uid: calls.append(uid) or raise_(error)
    )

    asked = night(shelf, engine, backlog)

    assert len(calls) == tried
    assert asked.troubles == {str(error): 9}
    assert asked.is_done


def raise_(error: Exception) -> None:
    raise error


def test_an_image_that_inflates_too_far_is_passed_over_and_not_asked_for_again(
    shelf, engine, backlog
):
    shelf.put("1.1")
    bomb = make.make_chest_image(study="1.1", SOPInstanceUID="1.1.1.0")
    bomb.add_new((0x0009, 0x0010), "LO", "MAKER")
    bomb.add_new((0x0009, 0x1001), "OB", bytes(2**24))
    bomb.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    def send(_image, place, *, max_bytes):
        make.save_image(bomb, place)

    shelf.fetch = send
    first = night(shelf, engine, backlog)
    second = night(shelf, engine, backlog)

    assert list(backlog.rglob("*.dcm")) == []
    assert (first.images, first.troubles) == ({"too_large": 1}, {})
    assert (second.images, second.troubles) == ({"known": 1}, {})


@pytest.mark.parametrize("content", [b"<html>log in</html>", None])
def test_something_else_than_the_image_does_not_stay(shelf, engine, backlog, content):
    image = shelf.put("1.1")
    other = make.save_image(make.make_chest_image(study="9"), backlog / "other")

    def send(_image, place, *, max_bytes):
        place.write_bytes(content or other.read_bytes())

    shelf.fetch = send
    asked = night(shelf, engine, backlog)

    assert image.exists()
    assert list(backlog.rglob("*.dcm")) == []
    assert asked.images == {}
    ((said, n),) = asked.troubles.items()
    assert "is not the film it was asked for" in said
    assert n == 1


def test_a_portion_is_no_larger_than_asked(shelf, engine, backlog):
    for number in range(5):
        shelf.put(f"1.{number}")
    asked = night(shelf, engine, backlog)
    shutil.rmtree(backlog / import_cache.FOLDER)

    asked.ask()
    came = [asked.fetch(at_most=2), asked.fetch(at_most=2), asked.fetch(at_most=2)]

    assert came == [2, 2, 1]
    assert asked.is_done


def test_an_image_counts_as_old_as_it_is(shelf, engine, backlog):
    shelf.put("1.1", ContentDate="20170601", ContentTime="120000")
    shelf.put("1.2", ContentDate="20990101", ContentTime="120000")

    night(shelf, engine, backlog)

    ages = {
        dcmread(p).StudyInstanceUID: p.stat().st_mtime for p in backlog.rglob("*.dcm")
    }
    assert ages["1.1"] == 1496318400  # 2017-06-01 12:00 UTC
    assert ages["1.2"] <= time.time()
    arrived, _ = folder_scan.look(backlog, known=lambda places: {}, settle_minutes=15)
    assert list(arrived.studies) == ["1.1"]  # the other one's clock is ahead: it waits
