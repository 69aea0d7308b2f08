"""`cxrmlops score` and `report` on a laptop: no ledger, no server."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.system.errors import BundleError, DataError
from tests.make import make_readable_image, make_reading_bundle, save_image

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_WORKERS", "0")
    monkeypatch.setenv("CXR_CLOCK", "2026-05-02T02:30:00+02:00")
    save_image(make_readable_image(1), tmp_path / "films/good.dcm")
    (tmp_path / "films/bad.txt").write_text("no film")
    make_reading_bundle(tmp_path / "data/train/bundle")
    return tmp_path


def cxrmlops(*arguments):
    return CliRunner().invoke(app, arguments)


def test_a_folder_is_scored_with_one_line_per_file_and_a_place_to_look(project):
    done = cxrmlops("score", "films", "--out", "results")

    first, second, last = done.stdout.splitlines()
    assert done.exit_code == 0
    assert first.startswith("bad.txt: rejected not_dicom: ")
    assert second.startswith("good.dcm: scored p=0.")
    assert last == "Open results/report/reading_list.html; objects lie beside it."
    assert (project / "results/report/reading_list.html").exists()


def test_one_file_is_scored_and_reported_again_from_its_rows(project):
    cxrmlops("score", "films/good.dcm", "--out", "results")

    done = cxrmlops("report", "results/score", "--out", "again")

    assert done.exit_code == 0
    names = {p.name: p.read_bytes() for p in (project / "again").glob("*.dcm")}
    assert len(names) == 2
    assert names == {
        p.name: p.read_bytes() for p in (project / "results/report").glob("*.dcm")
    }


def test_a_folder_of_misfits_is_no_failure(project):
    (project / "films/good.dcm").unlink()

    assert cxrmlops("score", "films", "--out", "results").exit_code == 0


def test_without_a_model_or_images_there_is_one_sentence(project):
    no_model = cxrmlops("score", "films", "--out", "o", "--model", "absent")
    no_images = cxrmlops("score", "absent", "--out", "o")

    assert isinstance(no_model.exception, BundleError)
    assert isinstance(no_images.exception, DataError)
    assert not (project / "o").exists()


def test_help_shows_an_example():
    assert "Example: cxrmlops score" in " ".join(
        cxrmlops("score", "--help").stdout.split()
    )
