"""A full disk, a real one: a file system in memory that is too small."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cxrmlops.records.tables import QUARANTINE, VALIDATED
from tests import make
from tests.pipeline.project import command, make_project, refusal
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration

PAGE = 4096  # what such a file system gives away at a time
LEFT = [0, 1, 4]  # pages: nothing, a file's beginning, some files
DISK = 2**20


@pytest.fixture(scope="module")
def plenty(tmp_path_factory) -> Path:
    """Give what every stage reads, on a disk with room."""
    folder = tmp_path_factory.mktemp("plenty")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CXR_WORKERS", "0")
        patch.setenv("CXR_PSEUDONYM_KEY", "test-key")
        make_settings(folder, images=folder / "films")
        make_image_files(folder)
        make.make_reading_bundle(folder / "bundle", size=32)
        VALIDATED.write(make.make_validated(patients=60), folder / "data/validate")
        QUARANTINE.write(QUARANTINE.empty(), folder / "data/validate")
        make_line(folder / "line", make.make_splits(patients=60))
        for stage in ("cohort", "preprocess", "score films --out night --model bundle"):
            assert command(*stage.split()) == 0
    return folder


def make_settings(folder: Path, *, images: Path) -> None:
    make_project(folder, films=str(images), reports=str(images.parent / "reports.csv"))


def make_image_files(folder: Path) -> None:
    rows = ["study_instance_uid,conclusion"]
    for number in range(2):
        image = make.make_readable_image(
            number, study=f"{number + 1}", StudyDate="20170601"
        )
        make.save_image(image, folder / f"films/{number}.dcm")
        rows.append(f"{image.StudyInstanceUID},NSF")
    (folder / "reports.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def disk(tmp_path, plenty, monkeypatch):
    """Stand on a small disk that holds a project's settings."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:
        pytest.skip("a small disk can be mounted by root only")
    monkeypatch.chdir(place)
    monkeypatch.setenv("CXR_WORKERS", "0")
    make_settings(place, images=plenty / "films")
    yield place
    monkeypatch.undo()
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, *, pages: int) -> None:
    """Leave that many pages."""
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(bytes(free - pages * PAGE))
    assert shutil.disk_usage(disk).free == pages * PAGE


def borrow(disk: Path, folder: Path, *stages: str) -> None:
    """Let the project read another one's data; links take no room."""
    (disk / "data").mkdir()
    for stage in stages:
        (disk / "data" / stage).symlink_to(folder / stage)


STAGES = {  # stage -> whose data it reads, and which
    "cohort": ("data", ()),
    "preprocess": ("data", ("cohort", "local")),
    "validate": ("data", ("cohort", "preprocess")),
    "split": ("data", ("validate",)),
    "train": ("line", ("preprocess", "split")),
    "evaluate": ("line", ("cohort", "preprocess", "split", "train")),
    "examine": ("line", ("preprocess", "split", "train")),
}
SLOW = (
    "train",
    "evaluate",
    "examine",
)  # they work before they write: one amount will do


@pytest.mark.parametrize(
    ("stage", "pages"),
    [(s, n) for s in STAGES for n in LEFT if n == LEFT[1] or s not in SLOW],
)
def test_a_stage_says_that_the_disk_is_full_and_leaves_nothing(
    disk, plenty, stage, pages
):
    whose, which = STAGES[stage]
    borrow(disk, plenty / whose, *which)
    fill(disk, pages=pages)

    said = refusal(stage)

    assert said.startswith("no disk space left while writing ")
    assert said.endswith("; free some and run again: finished work is kept")


@pytest.mark.parametrize("pages", LEFT)
def test_score_says_that_the_disk_is_full_and_leaves_nothing(disk, plenty, pages):
    fill(disk, pages=pages)

    said = refusal(
        "score", f"{plenty}/films", "--out", "night", "--model", f"{plenty}/bundle"
    )

    assert said.startswith("no disk space left while writing night/score/")
    assert not Path("night/score").exists()


@pytest.mark.parametrize("pages", [0, 1, 60])
def test_report_says_that_the_disk_is_full_and_leaves_whole_files_only(
    disk, plenty, pages
):
    fill(disk, pages=pages)
    write = ("report", f"{plenty}/night/score", "--out", "report")

    said = command(*write)

    assert str(said).startswith("error: no disk space left while writing report/")
    assert "\n" not in str(said)
    kept = {path.relative_to("report") for path in Path("report").rglob("*.*")}
    whole = plenty / "night/report"
    assert all(
        (Path("report") / p).read_bytes() == (whole / p).read_bytes() for p in kept
    )
