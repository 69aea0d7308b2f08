"""A folder that may leave: complete, without identity, and the same after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import dcmread

from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.export.run import export
from cxrmlops.records.export import ExportCounts, ExportManifest
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import sha256_file
from tests.make import make_readable_image, save_image

pytestmark = pytest.mark.integration
NAMES = Pseudonyms.for_recipient(b"key", "trial seven")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, without a project; films are read in this process."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("CXR_WORKERS", "0")
    for name in ("CXR_AUDIT", "CXR_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)
    return here


@pytest.fixture
def films(tmp_path) -> Path:
    folder = tmp_path / "films"
    for study in ("1", "2"):
        save_image(make_readable_image(1, study=study), folder / f"{study}.dcm")
    return folder


def run(films: Path, out: Path, **choices) -> ExportCounts:
    given = {"recipient": "trial seven", "studies": None} | choices
    return export(films, out, NAMES, **given)


def manifest(out: Path) -> ExportManifest:
    return ExportManifest.read(out / "to_send/manifest.json")


def not_exported(out: Path) -> str:
    return (out / "stays_here/not_exported.csv").read_text()


def audited(out: Path) -> list[dict]:
    lines = (out / "stays_here/audit.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def burn(path: Path, words: str) -> None:
    """Write words into the pixels of a film."""
    film = dcmread(path)
    picture = Image.new("L", (400, 400), 0)
    ImageDraw.Draw(picture).text((20, 20), words, fill=255, font_size=28)
    lungs = np.resize(film.pixel_array, (400, 400)) // 8
    film.Rows, film.Columns = 400, 400
    film.PixelData = (lungs + np.asarray(picture, "<u2") * 14).astype("<u2").tobytes()
    film.save_as(path)


def test_what_leaves_is_listed_with_its_hash_and_names_nobody(films, tmp_path):
    out = tmp_path / "out"

    counts = run(films, out)

    assert (counts.asked, counts.exported, counts.studies) == (2, 2, 2)
    listed = manifest(out)
    sent = out / "to_send"
    assert {file.file: file.sha256 for file in listed.files} == {
        path.relative_to(sent).as_posix(): sha256_file(path)
        for path in sent.rglob("*.dcm")
    }
    assert listed.text_reader.startswith("rapidocr 3")
    told = [
        path.read_bytes() + path.as_posix().encode()
        for path in sent.rglob("*.*")
        if path.is_file()
    ]
    for word in (b"SYN0001", b"Synthetic", b"19700101", b"ACC1", b"trial seven"):
        assert not any(word in one for one in told)


def test_an_export_elsewhere_leaves_nothing_in_the_current_folder(
    films, tmp_path, elsewhere
):
    run(films, tmp_path / "out")

    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "out/stays_here").stat().st_mode & 0o777 == 0o700


def test_a_study_is_audited_when_its_films_are_there_with_what_became_of_it(
    films, tmp_path, monkeypatch
):
    save_image(make_readable_image(2, study="2", Modality="CT"), films / "3.dcm")
    film = dcmread(films / "3.dcm")
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.2"
    )
    film.save_as(films / "3.dcm")
    out = tmp_path / "out"

    run(films, out)

    events = audited(out)
    assert [event["event"] for event in events] == ["110106", "110106"]
    assert [(event["outcome"], event["instances"]) for event in events] == [
        (0, 1),
        (4, 1),
    ]
    assert {event["destination"] for event in events} == {"trial seven"}


def test_no_study_is_audited_before_its_films_are_there(films, tmp_path, monkeypatch):
    def fails(*_):
        raise DataError("stopped")

    monkeypatch.setattr("cxrmlops.export.run.export_film", fails)

    with pytest.raises(DataError):
        run(films, tmp_path / "out")

    assert not (tmp_path / "out/stays_here/audit.jsonl").exists()


def test_a_changed_film_under_its_uid_is_refused_and_the_first_stays(films, tmp_path):
    out = tmp_path / "out"
    run(films, out)
    before = manifest(out)
    save_image(make_readable_image(1, study="2", KVP=99), films / "2.dcm")

    counts = run(films, out)

    assert (counts.exported, counts.refused) == (1, 1)
    assert "2.dcm,another file has its SOP Instance UID" in not_exported(out)
    assert manifest(out) == before


def test_the_same_file_again_is_a_copy_and_another_under_its_uid_is_refused(
    films, tmp_path
):
    (films / "again.dcm").write_bytes((films / "1.dcm").read_bytes())
    save_image(make_readable_image(1, study="1", KVP=99), films / "other.dcm")

    counts = run(films, tmp_path / "out")

    assert (counts.exported, counts.copies, counts.refused) == (2, 1, 1)
    assert "other.dcm,another file" in not_exported(tmp_path / "out")


def test_only_the_studies_asked_for_leave_and_a_later_run_adds_to_the_list(
    films, tmp_path
):
    out, study = tmp_path / "out", "1.2.826.0.1.3680043.8.498."

    assert run(films, out, studies={study + "1"}).asked == 1
    assert len(manifest(out).files) == 1
    assert run(films, out, studies={study + "2"}).asked == 1
    assert len(manifest(out).files) == 2


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: burn(path, "MUELLER^ANNA"), "words may be in its pixels"),
        (
            lambda path: save_image(
                make_readable_image(1, study="1", Manufacturer="of SYN0001"), path
            ),
            "the value of its PatientID would stand in the copy",
        ),
    ],
)
def test_a_held_film_leaves_once_a_person_cleared_it(films, tmp_path, spoil, why):
    out = tmp_path / "out"
    spoil(films / "1.dcm")

    assert run(films, out).held == 1
    assert why in not_exported(out)
    (picture,) = (out / "stays_here").glob("*.png")
    counts = run(films, out, cleared={picture.stem})

    assert (counts.exported, counts.held) == (2, 0)
    assert len(manifest(out).files) == 2
    assert not picture.exists()


def test_files_that_cannot_leave_are_refused_by_name(films, tmp_path):
    whole = (films / "1.dcm").read_bytes()
    (films / "notes.txt").write_text("no film")
    (films / "empty.dcm").write_bytes(b"")
    (films / "half.dcm").write_bytes(whole[: len(whole) // 2])
    (films / "1.dcm").unlink()

    counts = run(films, tmp_path / "out")

    assert (counts.asked, counts.exported, counts.refused) == (4, 1, 3)
    told = not_exported(tmp_path / "out").replace('"', "")
    for name in ("notes.txt", "empty.dcm", "half.dcm"):
        assert f"{name},it cannot be read" in told


def test_hostile_files_are_refused_or_leave_nothing_of_themselves(real_data, tmp_path):
    files = sorted((real_data / "hostile_dicom").rglob("*.dcm"))[::12]
    folder = tmp_path / "hostile"
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number}.dcm").symlink_to(file)

    counts = run(folder, tmp_path / "out")

    assert counts.asked == len(files) > 3
    assert counts.refused == not_exported(tmp_path / "out").count("refused,")


def test_a_folder_of_another_recipient_or_of_no_export_is_refused(films, tmp_path):
    run(films, tmp_path / "out")
    other = Pseudonyms.for_recipient(b"key", "another")
    foreign = tmp_path / "foreign/to_send/study/film.dcm"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of somebody")

    with pytest.raises(DataError, match="another recipient"):
        export(films, tmp_path / "out", other, recipient="another", studies=None)
    with pytest.raises(DataError, match="no export's"):
        run(films, tmp_path / "foreign")
    assert foreign.read_bytes() == b"of somebody"


@pytest.mark.slow
def test_a_killed_export_goes_on_and_ends_as_if_it_had_not_been(films, tmp_path):
    for study in map(str, range(3, 9)):
        save_image(make_readable_image(1, study=study), films / f"{study}.dcm")
    options = ["--for", "trial seven", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "cxrmlops.cli", "export", str(films), *options]
    settings = os.environ | {"CXR_PSEUDONYM_KEY": "key", "CXR_WORKERS": "1"}
    killed = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)
    journal = tmp_path / "out/stays_here/journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    orphan = tmp_path / "out/to_send/2.25.1/2.25.2.dcm"  # in place, and not yet noted
    orphan.parent.mkdir()
    orphan.write_bytes(b"left by a kill")

    said = subprocess.run(
        command, env=settings, capture_output=True, text=True, check=True
    ).stdout

    run(films, tmp_path / "whole")
    assert "8 asked, 8 exported" in said
    assert manifest(tmp_path / "out") == manifest(tmp_path / "whole")
    assert not orphan.exists()
    assert not list((tmp_path / "out").rglob("*.part"))
