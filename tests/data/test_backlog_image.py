import hashlib

import numpy as np
import pydicom
import pytest

from cxrmlops.data.backlog_image import (
    ImageRequest,
    empty_row,
    judge_quality,
    list_backlog,
    read_backlog_image,
)
from cxrmlops.data.placement import Placement
from cxrmlops.dicom.read.headers import read_header
from cxrmlops.dicom.read.pixels import Picture
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.vocabulary.reasons import REASONS
from tests.make import SCOPE, make_lungs, make_readable_image, save_image


def request(path, **quirks):
    values = {
        "number": 3,
        "path": path,
        "size": 64,
        "pictures": path.parent / "pictures",
        "scope": SCOPE,
    }
    return ImageRequest(**values | quirks)


def picture(image):
    return Picture(image.astype(np.float32), "window", "0" * 64, 12, "MONOCHROME2")


def test_an_image_gives_its_square_its_row_and_its_reading_picture(tmp_path):
    path = save_image(make_readable_image(1), tmp_path / "a.dcm")

    image = read_backlog_image(request(path))

    placement = Placement.from_json(image.row["placement"])
    assert image.square.shape == (64, 64)
    assert image.square.dtype == np.uint8
    assert (placement.rows, placement.columns) == (160, 140)
    assert (image.row["rows"], image.row["columns"]) == (160, 140)
    assert image.row["picture"] == "pictures/000003.npy"
    assert (image.accession_number, image.study_date) == ("ACC1", "20240501")
    assert image.row["content"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert image.mtime_ns == path.stat().st_mtime_ns


def test_the_header_is_kept_for_the_report_by_its_owner_alone(tmp_path):
    path = save_image(make_readable_image(1), tmp_path / "a.dcm")

    kept = tmp_path / read_backlog_image(request(path)).row["header"]

    assert kept.stat().st_mode & 0o777 == 0o600
    assert read_header(kept) == read_header(path)


def test_the_header_of_an_image_that_cannot_be_evaluated_is_kept(tmp_path):
    blank = make_readable_image(1)
    blank.PixelData = bytes(len(blank.PixelData))
    path = save_image(blank, tmp_path / "a.dcm")

    row = read_backlog_image(request(path)).row

    assert (row["reason"], row["picture"]) == ("blank", "")
    assert read_header(tmp_path / row["header"]) == read_header(path)


def test_a_rejected_image_leaves_no_picture_and_tells_who_it_was(tmp_path):
    path = save_image(make_readable_image(1, PatientAge="003Y"), tmp_path / "a.dcm")

    image = read_backlog_image(request(path))

    assert image.square is None
    assert image.row["reason"] == "child"
    assert image.row["header"] == ""
    assert image.row["study_instance_uid"].startswith("1.2.826")
    assert image.accession_number == "ACC1"
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "1.2.x", "1" * 65, "", "1..2"], ids=repr
)
def test_what_is_no_uid_never_reaches_a_row(tmp_path, monkeypatch, uid):
    monkeypatch.setattr(
        pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE
    )
    image = make_readable_image(1)
    image.SeriesInstanceUID = uid
    save_image(image, tmp_path / "a.dcm")

    read = read_backlog_image(request(tmp_path / "a.dcm"))

    assert read.row["reason"] == "no_identity"
    assert read.row["series_instance_uid"] == ""


def test_a_missing_file_is_a_result(tmp_path):
    assert (
        read_backlog_image(request(tmp_path / "gone.dcm")).row["reason"] == "unreadable"
    )


def test_every_reason_it_gives_has_a_sentence(tmp_path):
    (tmp_path / "a").write_text("text")

    assert read_backlog_image(request(tmp_path / "a")).row["reason"] in REASONS


def test_an_empty_row_fits_the_table(tmp_path):
    SCORED_IMAGES.check(SCORED_IMAGES.from_rows([empty_row(tmp_path)]))


@pytest.mark.parametrize(
    ("image", "quality"),
    [
        (make_lungs(rows=200, columns=180) / 4095, "ok"),
        (make_lungs(rows=60, columns=50) / 4095, "limited"),
        (np.where(make_lungs(rows=200, columns=180) > 2000, 1.0, 0.3), "limited"),
    ],
    ids=["large", "small", "clipped"],
)
def test_a_small_or_clipped_image_is_of_limited_quality(image, quality):
    assert judge_quality(picture(image), size=128)[0] == quality


def test_files_are_listed_in_one_order(tmp_path):
    for name in ("b/2.dcm", "a/1.dcm", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    names = [path.relative_to(tmp_path).as_posix() for path in list_backlog(tmp_path)]

    assert names == ["a/1.dcm", "b/2.dcm", "c.txt"]
    assert list_backlog(tmp_path / "c.txt") == [tmp_path / "c.txt"]
