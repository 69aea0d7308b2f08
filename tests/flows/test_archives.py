"""Nights against a real Orthanc, in and out, over both roads."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForProcessing,
)

from flows.score import score
from tests import make, orthanc
from tests.flows.test_score import bundle, set_up  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
ROADS = {
    "dicomweb": lambda server: server.dicomweb,
    "get": lambda server: server.dimse("get"),
    "move": lambda server: server.dimse("move"),
}
DAY_BEFORE = "20240130"  # of the tests' clock


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture
def pacs(server):
    """The server with an empty store."""
    server.empty()
    return server


@pytest.fixture
def site(project, monkeypatch):
    """A site whose nights ask once: tests do not wait."""
    set_up(project, monkeypatch)
    monkeypatch.setattr("flows.score.ask.retries", 0)
    return project


def film(folder: Path, study: str, number: int = 0, **attributes: object) -> Path:
    """Write a film of the day before the night; each film has its own series."""
    rows, columns = np.mgrid[0:300, 0:280]
    wave = np.sin(rows / (30 + number)) * np.cos(columns / 50)
    usual = {
        "StudyDate": DAY_BEFORE,
        "SeriesInstanceUID": f"{study}.1.{number}",
        "SOPInstanceUID": f"{study}.1.{number}.1",
        "Rows": 300,
        "Columns": 280,
        "PixelData": (2000 + 1500 * wave).astype("<u2").tobytes(),
    }
    patient = f"MRN-CANARY-{study}"
    made = make.make_chest_film(study=study, patient=patient, **usual | attributes)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    return make.save_film(made, folder / f"films/{study}-{number}.dcm")


def fill(server: orthanc.Orthanc, folder: Path) -> None:
    """Put films for us into the archive, and films that are not."""
    raw = {
        "SOPClassUID": DigitalXRayImageStorageForProcessing,
        "PresentationIntentType": "FOR PROCESSING",
    }
    cr = {"SOPClassUID": ComputedRadiographyImageStorage, "Modality": "CR"}
    server.put(film(folder, "1.2.1"))
    server.put(film(folder, "1.2.1", 1, ViewPosition="LL"))
    server.put(film(folder, "1.2.1", 2, **raw))
    server.put(film(folder, "1.2.2", **cr))
    server.put(film(folder, "1.2.3", PatientAge="010Y"))
    server.put(film(folder, "1.2.4", BodyPartExamined="KNEE"))
    server.put(film(folder, "1.2.5", BodyPartExamined=""))
    server.put(film(folder, "1.2.6", StudyDate="20231201"))


def of_modality(server: orthanc.Orthanc, modality: str, study: str = "") -> list[str]:
    found = server.instances(Modality=modality, StudyInstanceUID=study)
    return sorted(found)


def spooled(folder: Path) -> list[Path]:
    return sorted((folder / "data/raw/backlog").rglob("*.dcm"))


@pytest.mark.parametrize("road", ROADS)
def test_a_night_takes_its_films_from_the_archive_and_brings_the_answers_back(
    site,
    bundle,
    pacs,
    road,
    monkeypatch,
    tmp_path,  # noqa: F811
):
    fill(pacs, tmp_path)
    monkeypatch.setenv("CXR_ARCHIVE", ROADS[road](pacs))

    first = score(str(bundle), return_state=True)
    held = pacs.ask("/instances")
    fetched = len(spooled(site))
    monkeypatch.setattr("cxrmlops.dicom.dicomweb.DicomWeb.fetch", None)
    monkeypatch.setattr("cxrmlops.dicom.dimse.Dimse.fetch", None)
    second = score(str(bundle), return_state=True)

    assert first.message == "in 2, scored 2, rejected 0, failed 0"
    assert second.message == "nothing new"
    assert fetched == 0  # answered, hence removed
    assert pacs.ask("/instances") == held
    for study in ("1.2.1", "1.2.2"):
        (report,) = pacs.instances(Modality="SR", StudyInstanceUID=study)
        assert (
            b"SOPInstanceUID"
            in json.dumps(pacs.ask(f"/instances/{report}/simplified-tags")).encode()
        )
    assert pacs.instances(Modality="SR", StudyInstanceUID="1.2.3") == []
