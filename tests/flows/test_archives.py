"""Nights against a real Orthanc: films from it, answers to it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.error import HTTPError

import pytest
from prefect.client.orchestration import get_client
from pydicom import dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from cxrmlops.backlog import ledger
from cxrmlops.backlog.database import open_database
from cxrmlops.system.errors import AccessError, CxrError, ResourceError, ServiceError
from flows import chunk as chunk_file
from flows import score as flow_file
from flows.archive import fetching_ahead
from flows.score import score
from tests import make, orthanc
from tests.flows.conftest import stand_in
from tests.flows.test_score import set_up

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
DAY_BEFORE = "20240130"  # of the tests' clock


def image(folder: Path, study: str, number: int = 0, **attributes: object) -> Path:
    """Write a film of the day before the night; each film has its own series."""
    lungs = make.make_lungs(rows=300, columns=280, seed=number)
    usual = {
        "StudyDate": DAY_BEFORE,
        "SeriesInstanceUID": f"{study}.1.{number}",
        "SOPInstanceUID": f"{study}.1.{number}.1",
        "Rows": 300,
        "Columns": 280,
        "PixelData": lungs.astype("<u2").tobytes(),
    }
    patient = f"MRN-CANARY-{study}"
    made = make.make_chest_image(study=study, patient=patient, **usual | attributes)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    return make.save_image(made, folder / f"films/{study}-{number}.dcm")


def fill(server: orthanc.Orthanc, folder: Path) -> None:
    """Put two studies for us into the archive, and films that are not."""
    raw = {
        "SOPClassUID": DigitalXRayImageStorageForProcessing,
        "PresentationIntentType": "FOR PROCESSING",
    }
    cr = {"SOPClassUID": ComputedRadiographyImageStorage, "Modality": "CR"}
    server.put(image(folder, "1.2.1"))
    server.put(image(folder, "1.2.1", 1, ViewPosition="LL"))
    server.put(image(folder, "1.2.1", 2, **raw))
    server.put(image(folder, "1.2.2", **cr))
    server.put(image(folder, "1.2.3", PatientAge="010Y"))
    server.put(image(folder, "1.2.4", BodyPartExamined="KNEE"))
    server.put(image(folder, "1.2.5", BodyPartExamined=""))
    server.put(image(folder, "1.2.6", StudyDate="20231201"))


@dataclass
class Nights:
    road: str
    folder: Path
    server: orthanc.Orthanc
    messages: list[str]
    held: list[set[str]]  # instances in the archive after each night
    fetched: list[int]  # films


@pytest.fixture(scope="module", params=["dicomweb", "move"])  # test_opens: C-GET
def nights(request, tmp_path_factory, prefect, empty_mlflow, reading_bundle, _orthanc):
    """Three nights; before the third another film of a study arrives."""
    folder = tmp_path_factory.mktemp("site")
    _orthanc.empty()
    fill(_orthanc, folder)
    told = Nights(request.param, folder, _orthanc, [], [], [])
    web = request.param == "dicomweb"
    address = _orthanc.dicomweb if web else _orthanc.dimse(retrieve=request.param)
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch, fetch_studies=1)
        patch.setenv("CXR_ARCHIVE", address)
        count_fetches(patch, told.fetched)
        for number in range(3):
            if number == 2:
                _orthanc.put(image(folder, "1.2.2", 7))
            told.fetched.append(0)
            state = score(str(reading_bundle), return_state=True)
            told.messages.append(state.message)
            told.held.append(set(_orthanc.ask("/instances")))
        yield told


def count_fetches(patch: pytest.MonkeyPatch, fetched: list[int]) -> None:
    from cxrmlops.dicom.archive.dicomweb import DicomWeb
    from cxrmlops.dicom.archive.dimse import Dimse

    for kind in (DicomWeb, Dimse):
        usual = kind.fetch

        def fetch(self, *where, usual=usual, **how):
            fetched[-1] += 1
            usual(self, *where, **how)

        patch.setattr(kind, "fetch", fetch)


def test_a_night_takes_its_images_from_the_archive_and_brings_the_answers_back(nights):
    assert nights.messages[0] == "in 2, scored 2, rejected 0, failed 0"
    # A C-FIND did not say that the fifth study names no body part.
    assert nights.fetched[0] == (2 if nights.road == "dicomweb" else 3)
    assert len(nights.held[0]) == 8 + 2 * 2


def test_the_second_night_stores_nothing_and_fetches_nothing(nights):
    assert nights.messages[1] == "nothing new"
    assert nights.fetched[1] == 0
    assert nights.held[1] == nights.held[0]


def test_an_image_that_comes_late_gives_a_report_on_all_that_names_the_one_before(
    nights,
):
    assert nights.messages[2] == "in 1, scored 1, rejected 0, failed 0"
    assert nights.fetched[2] == 2

    reports = [
        dcmread(path)
        for path in (nights.folder / "data/report").glob("*/*.dcm")
        if dcmread(path).Modality == "SR" and dcmread(path).StudyInstanceUID == "1.2.2"
    ]
    (before,) = [one for one in reports if "PredecessorDocumentsSequence" not in one]
    (after,) = [one for one in reports if "PredecessorDocumentsSequence" in one]
    named = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    uid = named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert uid == before.SOPInstanceUID


def test_the_archive_holds_the_very_bytes_that_were_written(nights):
    written = {
        path.stem: data_set(path.read_bytes())
        for path in (nights.folder / "data/report").glob("*/*.dcm")
    }
    held = {}
    for kind in (Comprehensive3DSRStorage, SecondaryCaptureImageStorage):
        for name in nights.server.instances(SOPClassUID=kind):
            content = nights.server.ask(f"/instances/{name}/file")
            tags = nights.server.ask(f"/instances/{name}/simplified-tags")
            held[tags["SOPInstanceUID"]] = data_set(content)

    assert len(held) == len(nights.held[2]) - 9  # without the films
    assert held == {uid: written[uid] for uid in held}


def data_set(file: bytes) -> bytes:
    """Leave out the file meta information (PS3.10 7.1): over DIMSE it is not sent."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def test_the_archive_finds_reports_and_overlays_and_draws_what_is_a_picture(nights):
    found = []
    for kind in (SecondaryCaptureImageStorage, Comprehensive3DSRStorage):
        query = f"/dicom-web/studies/1.2.1/instances?SOPClassUID={kind}"
        assert len(nights.server.ask(query)) == 1
        found += nights.server.instances(SOPClassUID=kind, StudyInstanceUID="1.2.1")
    overlay, report = found

    picture = nights.server.ask(f"/instances/{overlay}/preview")

    assert picture.startswith(b"\x89PNG")
    with pytest.raises(HTTPError, match="415"):  # Orthanc draws no reports
        nights.server.ask(f"/instances/{report}/preview")


def test_images_that_are_answered_do_not_stay(nights):
    assert list((nights.folder / "data/raw/backlog").rglob("*.dcm")) == []


@pytest.mark.usefixtures("nights")
def test_prefect_counts_what_was_left_and_names_nobody():
    with get_client(sync_client=True) as client:
        known = [*client.read_logs(), *client.read_artifacts()]

    said = "\n".join(one.model_dump_json() for one in known)

    for reason in ("lateral", "for_processing", "child", "not_chest", "chest_unknown"):
        assert reason in said
    for canary in ("CANARY", "Tweety", "MRN", "1.2.1", "A-1.2", ".dcm"):
        assert canary not in said


class SlowArchive:
    """Stands for a question whose films come only when `read` is set."""

    is_done = False
    images = Counter(fetched=1)

    def __init__(self) -> None:
        self.read, self.came = Event(), Event()

    def fetch(self, at_most: int) -> int:
        if not self.read.wait(30):
            raise ServiceError("nobody read meanwhile")
        self.came.set()
        return 1


@pytest.mark.usefixtures("project")
def test_images_are_fetched_while_others_are_read():
    slow = SlowArchive()

    with fetching_ahead(slow):
        slow.read.set()
        assert slow.came.wait(30)


@pytest.mark.usefixtures("project")
def test_a_full_disk_while_fetching_is_told_when_the_others_are_read(monkeypatch):
    def full(*_: object) -> int:
        raise ResourceError("the disk is full")

    slow, done = SlowArchive(), []
    monkeypatch.setattr(slow, "fetch", full)

    with pytest.raises(ResourceError, match="full"), fetching_ahead(slow):
        done.append("read")

    assert done == ["read"]


@pytest.fixture
def site(project, monkeypatch):
    """A site whose nights ask once: tests do not wait."""
    set_up(project, monkeypatch)
    monkeypatch.setattr("flows.score.ask.retries", 0)
    return project


def test_an_archive_that_is_down_costs_nothing_but_time(
    site, reading_bundle, pacs, monkeypatch
):
    image(site, "1.2.1").rename(site / "data/raw/backlog/1.dcm")
    (nobody,) = orthanc.free_ports(1)

    with monkeypatch.context() as patch:
        patch.setenv("CXR_ARCHIVE", f"dicomweb:http://127.0.0.1:{nobody}/dicom-web")
        tried = score(str(reading_bundle), return_state=True)
    monkeypatch.setattr(chunk_file.score_stage, "run", None)  # no second inference
    monkeypatch.setenv("CXR_ARCHIVE", pacs.dicomweb)
    again = score(str(reading_bundle), return_state=True)

    assert tried.is_failed()
    assert "1 studies wait: the archive at http://127.0.0.1" in tried.message
    assert "the archive was not asked: the archive at" in tried.message
    assert again.message == "in 1, scored 1, rejected 0, failed 0"
    assert len(pacs.instances(StudyInstanceUID="1.2.1")) == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("dicomweb:{url}/nothing-here", "there is no DICOMweb service at"),
        ("dimse:WRONG@127.0.0.1:{dicom}", "does not know the AE title WRONG"),
    ],
)
def test_an_archive_that_does_not_let_us_in_stops_the_night_before_anything_is_claimed(
    site, reading_bundle, pacs, address, words, monkeypatch
):
    image(site, "1.2.1").rename(site / "data/raw/backlog/1.dcm")
    monkeypatch.setenv(
        "CXR_ARCHIVE", address.format(url=pacs.url, dicom=pacs.dicom_port)
    )

    with pytest.raises(AccessError, match=words) as error:
        flow_file.open_night.fn(str(reading_bundle))

    assert isinstance(error.value, CxrError)
    assert "\n" not in str(error.value)
    assert ledger.counts(open_database()) == {}
