"""Pictures of one scored film: its overlay, and what the reading list shows of it."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxrmlops.data.placement import Placement
from cxrmlops.dicom.results.secondary_capture import OverlayPicture
from cxrmlops.model.saliency import evidence_on_image, tile_middles
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.reporting.overlay import (
    FULL_SCALE,
    above_threshold,
    blend,
    draw_overlay,
    page,
)
from cxrmlops.reporting.texts import caption, caption_not_evaluable
from cxrmlops.system.files import whole
from cxrmlops.vocabulary.findings import Finding, answer

JPEG_QUALITY = 85
EVIDENCE = "evidence"  # the method whose maps are in logits

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ShownImage:
    """A scored film, ready to draw."""

    row: Row  # of SCORED_IMAGES
    picture: np.ndarray  # (h, w) uint8, as displayed
    heat: np.ndarray | None  # (h, w) float32, logits above the threshold; None: NSF
    blended: np.ndarray  # (h, w, 3) uint8, the map on the picture


def show_image(
    row: Row, score: Path, *, model: ModelIdentity, method: str, side: int
) -> ShownImage:
    """Bring a film's stored picture and evidence onto one grid.

    Args:
        row: of SCORED_IMAGES, scored.
        score: folder with the reading pictures.
        model: who read.
        method: what made the evidence.
        side: longest side of the grid, pixels; smaller films are enlarged.
    """
    stored = np.load(score / row["picture"], allow_pickle=False)
    picture = _resized(stored, side)
    if answer(row["probability"], model.balanced) is Finding.NSF:
        return ShownImage(row, picture, None, blend(picture, None))
    heat = _heat(row, model, method, picture.shape)
    return ShownImage(row, picture, heat, blend(picture, heat))


def draw(image: ShownImage, *, model: ModelIdentity, method: str) -> OverlayPicture:
    """Draw the overlay with its band.

    The built-in font has Latin letters only, so the band speaks English everywhere.
    """
    words = caption(image.row["probability"], model, method=method)
    pixels, _, _ = draw_overlay(image.blended, words)
    rows, columns = image.picture.shape
    return OverlayPicture(pixels, rows, columns, image.heat is not None)


def draw_page(reason: str, model: ModelIdentity) -> OverlayPicture:
    """Draw what stands for the overlay of a film that could not be evaluated."""
    return OverlayPicture(page(caption_not_evaluable(reason, model)), 0, 0, False)


def save_page_pictures(image: ShownImage, out: Path) -> tuple[str, str]:
    """Write film and map, same size and without text, for the reading list.

    Returns:
        Their names below `out`; the map's is "" when there is none.
    """
    plain = f"pictures/{_name(image)}-film.jpg"
    _save(image.picture, out / plain, jpeg)
    if image.heat is None:
        return plain, ""
    shown = f"pictures/{_name(image)}-map.jpg"
    _save(image.blended, out / shown, jpeg)
    return plain, shown


def save_picture(image: ShownImage, out: Path, picture: OverlayPicture) -> str:
    """Write an overlay as PNG, for a film without a DICOM header to refer to."""
    name = f"overlays/{_name(image)}.png"
    _save(picture.pixels, out / name, partial(_encoded, format="PNG"))
    return name


def jpeg(pixels: np.ndarray) -> bytes:
    """Return grey (h, w) or colour (h, w, 3) pixels, uint8, as a JPEG file."""
    return _encoded(pixels, format="JPEG", quality=JPEG_QUALITY)


def _heat(
    row: Row, model: ModelIdentity, method: str, shape: tuple[int, ...]
) -> np.ndarray:
    grid = np.frombuffer(row["evidence"], "<f2").astype(np.float32)
    grid = grid.reshape(row["evidence_rows"], row["evidence_columns"])
    if method == EVIDENCE:
        grid = above_threshold(
            grid,
            pooling=model.pooling,
            logit_of_image=row["logit"],
            temperature=model.temperature,
            threshold=model.balanced.threshold,
        )
    else:  # 0-1, each film scaled for itself: the colours are not comparable
        grid = grid * FULL_SCALE
    placement = Placement.from_json(row["placement"])
    places = model.cell_places or tile_middles(len(grid), model.size)
    return evidence_on_image(
        grid, placement, places=places, rows=shape[0], columns=shape[1]
    )


def _resized(picture: np.ndarray, longest_side: int) -> np.ndarray:
    rows, columns = picture.shape[:2]
    scale = longest_side / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    image = Image.fromarray(picture)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _encoded(pixels: np.ndarray, **options: Any) -> bytes:
    """Encode in memory: on a full disk Pillow itself would leave half a file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, **options)
    return content.getvalue()


def _save(
    pixels: np.ndarray, path: Path, encode: Callable[[np.ndarray], bytes]
) -> None:
    if not path.exists():
        with whole(path, private=True) as draft:
            draft.write_bytes(encode(pixels))


def _name(image: ShownImage) -> str:
    """Name a film without showing its UID."""
    return hashlib.sha256(image.row["sop_instance_uid"].encode()).hexdigest()[:16]
