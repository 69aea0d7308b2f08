import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrmlops.data import decoding
from cxrmlops.data.decoding import DecodeRequest, decode_image, decode_images
from cxrmlops.records.tables import INDEX
from cxrmlops.system.workers import IsolatedResult
from tests.make import SCOPE

ROW = set(INDEX.columns) - {"image_id", "shard", "row"}


def image(
    path: Path, *, seed: int = 0, rows: int = 300, columns: int = 280
) -> DecodeRequest:
    """Write a film-like PNG: a bright middle, dark sides, some noise."""
    rng = np.random.default_rng(seed)
    across = np.sin(np.linspace(0, math.pi, columns))
    values = 200 * across * np.linspace(0.6, 1, rows)[:, None]
    values = values + rng.normal(20, 8, (rows, columns))
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    return DecodeRequest(path, path.stat().st_size, 64, SCOPE)


def test_an_image_becomes_a_square_and_a_row(tmp_path):
    decoded = decode_image(image(tmp_path / "a.png", rows=300, columns=280))

    assert decoded.square.shape == (64, 64)
    assert decoded.square.dtype == np.uint8
    assert set(decoded.row) == ROW
    assert (decoded.row["rows"], decoded.row["columns"]) == (300, 280)
    assert decoded.row["rejected"] == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "file_changed"), (b"longer than before", "file_changed")],
)
def test_a_vanished_or_changed_file_is_rejected(tmp_path, content, reason):
    before = image(tmp_path / "a.png")
    before.path.unlink()
    if content:
        before.path.write_bytes(content)

    decoded = decode_image(before)

    assert decoded.square is None
    assert set(decoded.row) == ROW
    assert decoded.row["rejected"] == reason
    assert "a.png" not in decoded.row["detail"]
    assert math.isnan(decoded.row["mean"])
    assert (decoded.row["rows"], decoded.row["voi"]) == (0, "")


@pytest.mark.parametrize("name", ["a.png", "a.dcm", "a"])
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" * 9])
def test_an_unreadable_file_is_rejected_with_a_reason(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    decoded = decode_image(DecodeRequest(path, len(content), 64, SCOPE))

    assert decoded.square is None
    assert decoded.row["rejected"]
    assert str(tmp_path) not in decoded.row["detail"]


def test_an_empty_picture_is_rejected(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((300, 300), 90, np.uint8)).save(path)

    decoded = decode_image(DecodeRequest(path, path.stat().st_size, 64, SCOPE))

    assert decoded.row["rejected"] == "blank"


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.integration)])
def test_images_come_back_in_order_whatever_the_number_of_workers(tmp_path, workers):
    images = [image(tmp_path / f"{n}.png", seed=n, rows=200 + n) for n in range(20)]

    rows = [one.row["rows"] for one in decode_images(images, workers=workers)]

    assert rows == list(range(200, 220))


def test_an_image_that_kills_its_decoder_is_rejected(tmp_path, monkeypatch):
    images = [image(tmp_path / "a.png"), image(tmp_path / "b.png")]
    lost = [
        IsolatedResult(images[0], decode_image(images[0])),
        IsolatedResult(images[1], None, "it crashed"),
    ]
    monkeypatch.setattr(decoding, "map_isolated", lambda *_, **__: iter(lost))

    good, bad = decode_images(images, workers=2)

    assert good.row["rejected"] == ""
    assert (bad.row["rejected"], bad.row["detail"]) == ("undecodable", "it crashed")
    assert set(bad.row) == ROW


def test_equal_pixels_have_equal_hashes_and_a_copy_looks_alike(tmp_path):
    one = image(tmp_path / "a.png", seed=1)
    with Image.open(one.path) as picture:
        picture.save(tmp_path / "b.png", compress_level=0)
        picture.save(tmp_path / "c.jpg", quality=60)
    other = image(tmp_path / "d.png", seed=2)
    paths = ["a.png", "b.png", "c.jpg", "d.png"]
    images = [
        DecodeRequest(tmp_path / p, (tmp_path / p).stat().st_size, 64, SCOPE)
        for p in paths
    ]

    a, b, c, d = (decode_image(image).row for image in images)

    assert other.path == images[3].path
    assert a["pixel_hash"] == b["pixel_hash"] != c["pixel_hash"] != d["pixel_hash"]
    assert a["perceptual_hash"] == b["perceptual_hash"]
    assert len(str(a["perceptual_hash"])) == 128
