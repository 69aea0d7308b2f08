"""How often a night opens a film, and parses its header; counted where Python opens."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from cxrmlops.dicom.read import headers
from flows.score import score
from tests.flows.conftest import stand_in
from tests.flows.test_archives import fill
from tests.flows.test_score import arrive, set_up

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
_COUNTERS: list[Counter[str]] = []  # an audit hook cannot be taken out again


def _note(event: str, what: tuple[object, ...]) -> None:
    if event != "open" or not _COUNTERS or not isinstance(what[0], str | os.PathLike):
        return
    path, flags = Path(what[0]), what[2]
    if path.suffix == ".dcm" and flags & os.O_ACCMODE == os.O_RDONLY:
        _COUNTERS[-1][path.as_posix()] += 1


sys.addaudithook(_note)


@pytest.fixture
def opens():
    """Reads of .dcm files by path; films are read in this process (CXR_WORKERS=0)."""
    _COUNTERS.append(Counter())
    yield _COUNTERS[-1]
    _COUNTERS.pop()


@pytest.fixture
def parses(monkeypatch):
    """Full parses of a header by SOP Instance UID, those of what is kept included."""
    found: Counter[str] = Counter()

    class Counted(headers.DicomFile):
        def __init__(self, source, **how):
            super().__init__(source, **how)
            if "last" not in how:
                found[str(self.header.SOPInstanceUID)] += 1

    monkeypatch.setattr(headers, "DicomFile", Counted)
    monkeypatch.setattr("cxrmlops.data.image_file.DicomFile", Counted)
    monkeypatch.setattr("cxrmlops.backlog.archive_import.DicomFile", Counted)
    return found


def test_an_image_of_a_folder_is_opened_and_parsed_at_most_twice(
    project, reading_bundle, monkeypatch, opens, parses
):
    set_up(project, monkeypatch)
    arrive(project, "1.2.1", "1.2.2")
    arrive(project, "1.2.3", images=2)

    state = score(str(reading_bundle), return_state=True)

    assert state.message == "in 3, scored 3, rejected 0, failed 0"
    images = {path: n for path, n in opens.items() if "/backlog/" in path}
    assert len(images) == 4
    assert max(images.values()) <= 2
    read = {uid: n for uid, n in parses.items() if uid.startswith("1.2.")}
    assert len(read) == 4
    assert max(read.values()) <= 2


@pytest.mark.parametrize("road", ["dicomweb", "get"])
def test_an_image_of_an_archive_is_opened_and_parsed_at_most_three_times(
    road, tmp_path, empty_mlflow, reading_bundle, monkeypatch, pacs, opens, parses
):
    fill(pacs, tmp_path)
    stand_in(tmp_path, monkeypatch, empty_mlflow)
    set_up(tmp_path, monkeypatch)
    web = road == "dicomweb"
    address = pacs.dicomweb if web else pacs.dimse(retrieve=road)
    monkeypatch.setenv("CXR_ARCHIVE", address)

    state = score(str(reading_bundle), return_state=True)

    assert state.message == "in 2, scored 2, rejected 0, failed 0"
    by_name: Counter[str] = Counter()  # a draft and the film it becomes share a name
    for path, n in opens.items():
        if "/.cxrmlops-spool/" in path:
            by_name[Path(path).name.removesuffix(".part")] += n
    assert len(by_name) >= 2
    assert max(by_name.values()) <= 3
    read = {uid: n for uid, n in parses.items() if uid.startswith("1.2.")}
    assert max(read.values()) <= 3
