"""
Films -> squares and rows of the index, many at once, in order.

A film that cannot be read is a row with its reason; so is one that kills its decoder.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrmlops.data.image_file import read_image
from cxrmlops.data.preprocess import (
    image_statistics,
    network_square,
    perceptual_hash,
)
from cxrmlops.records.tables import INDEX
from cxrmlops.system.errors import Rejected
from cxrmlops.system.workers import map_isolated
from cxrmlops.vocabulary.scope import Scope

AHEAD = 8  # films per worker that wait, run or are done: no worker idles, memory flat


@dataclass(frozen=True)
class DecodeRequest:
    """A file as the cohort saw it, and what to make of it."""

    path: Path
    bytes: int
    size: int  # pixels per side of the square
    scope: Scope


@dataclass(frozen=True)
class Decoded:
    """What became of one film."""

    row: dict[str, object]  # columns of INDEX, without image_id, shard and row
    square: np.ndarray | None  # shape (size, size), uint8; None: rejected


def decode_images(
    images: Sequence[DecodeRequest], *, workers: int
) -> Iterator[Decoded]:
    """Decode `images` in `workers` processes; 0 decodes them in this one.

    Yields:
        One result per film, in the order given: the same for any `workers`.
    """
    for done in map_isolated(
        decode_image, images, workers=workers, ahead=AHEAD * workers
    ):
        yield done.output or rejected_image("undecodable", done.why)


def decode_image(image: DecodeRequest) -> Decoded:
    """Read one film: its square and its row of the index, or why there is none."""
    try:
        _check_unchanged(image)
        picture = read_image(image.path, scope=image.scope)
    except Rejected as rejected:
        return rejected_image(rejected.reason, rejected.detail)
    square, _ = network_square(picture.image, size=image.size)
    rows, columns = picture.image.shape
    row = image_statistics(picture.image) | {
        "rejected": "",
        "detail": "; ".join(picture.notes),
        "rows": rows,
        "columns": columns,
        "bits_stored": picture.bits_stored,
        "photometric_interpretation": picture.photometric_interpretation,
        "voi": picture.voi,
        "pixel_hash": picture.pixel_hash,
        "perceptual_hash": perceptual_hash(picture.image),
    }
    return Decoded(row, square)


def rejected_image(reason: str, detail: str) -> Decoded:
    """Make the row of a film without a square."""
    empty: dict[str, object] = {"string": "", "int64": 0, "float64": math.nan}
    row = {name: empty[kind] for name, kind in INDEX.columns.items()}
    for place in ("image_id", "shard", "row"):
        row.pop(place)
    return Decoded(row | {"rejected": reason, "detail": detail}, None)


def _check_unchanged(image: DecodeRequest) -> None:
    try:
        found = image.path.stat().st_size
    except OSError:
        raise Rejected("file_changed", "the file is gone since the cohort") from None
    if found != image.bytes:
        raise Rejected("file_changed", f"{found} bytes, the cohort saw {image.bytes}")
