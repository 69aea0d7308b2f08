"""
Words in the pixels of a film, read by RapidOCR (PP-OCR models, on the processor).

A film is looked at twice, since a name may show in one way only: as a reader sees it,
and with every stored value spread over all greys.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cxrmlops.system.errors import ResourceError

if TYPE_CHECKING:
    from rapidocr import RapidOCR

SIDE = 1600  # pixels of a tile, and of a whole film that is looked at in one piece
OVERLAP = 200  # of tiles
EVEN, GRAIN = 12, 3  # grey levels, standard deviations of a tile
MIN_SCORE = 0.5  # what RapidOCR itself takes for read
_PACKAGES = ("rapidocr", "onnxruntime")
SHORTEST = 3  # letters and digits of a word that may name somebody

# What technologists put on films: sides, projections, positions, machines' own words
MARKERS = frozenset(
    (
        *("AP", "PA", "LAT", "LL", "RL", "RT", "LT", "LEFT", "RIGHT", "LINKS"),
        *("RECHTS", "L", "R", "PORTABLE", "MOBILE", "PORT", "BED", "BEDSIDE"),
        *("ICU", "ERECT", "UPRIGHT", "STANDING", "SITTING", "SEATED", "SEMI"),
        *("SEMIERECT", "SEMIUPRIGHT", "SUPINE", "PRONE", "DECUB", "DECUBITUS"),
        *("INSP", "INSPIRATION", "EXP", "EXPIRATION", "POSTOP", "PREOP"),
        *("CHEST", "THORAX", "GRID", "NOGRID", "HRS", "FRONTAL", "LATERAL"),
    )
)


@dataclass(frozen=True)
class Word:
    """Text that was read in a film."""

    text: str
    score: float  # 0 to 1, how sure the reader is
    box: tuple[int, int, int, int]  # left, top, right, bottom; pixels of the film


def reader_version() -> str:
    """Name the reader with its version; its models come with it.

    Raises:
        ResourceError: it is not installed.
    """
    try:
        return ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    except PackageNotFoundError as error:
        raise ResourceError(
            f"{error.name} is not installed, and without it nothing looks for words in "
            "pixels; install the extra: pip install 'cxrmlops[export]'"
        ) from None


def suspicious_words(views: list[np.ndarray]) -> list[Word]:
    """Read a film and return what may name somebody; a marker of the side does not.

    Args:
        views: pictures of one film, each shape (rows, columns), uint8.
    """
    return [word for view in views for word in read_words(view) if is_suspicious(word)]


def is_suspicious(word: Word) -> bool:
    """Return whether this may be more than a marker, or a line of the anatomy."""
    parts = re.split(r"[\W_]+", word.text.upper())
    unknown = "".join(part for part in parts if part not in MARKERS)
    return word.score >= MIN_SCORE and len(unknown) >= SHORTEST


def read_words(picture: np.ndarray) -> list[Word]:
    """Read every text of a picture, in tiles where it is large.

    Args:
        picture: shape (rows, columns), uint8.
    """
    words: list[Word] = []
    for top in _starts(picture.shape[0]):
        for left in _starts(picture.shape[1]):
            tile = picture[top : top + SIDE, left : left + SIDE]
            words += [_moved(word, left, top) for word in _read_tile(tile)]
    return words


def full_range(stored: np.ndarray) -> np.ndarray:
    """Spread stored values over all greys by rank: nothing is clipped.

    Args:
        stored: shape (rows, columns), integers.

    Returns:
        Shape (rows, columns), uint8.
    """
    lowest = int(stored.min())
    counts = np.bincount((stored.astype(np.int64) - lowest).ravel())
    present = np.cumsum(counts > 0) - 1
    table = (255 * present / max(int(present[-1]), 1)).astype(np.uint8)
    return table[stored.astype(np.int64) - lowest]


def _starts(length: int) -> list[int]:
    """Return where tiles begin, so that they cover a side and overlap."""
    if length <= SIDE:
        return [0]
    n_tiles = -(-(length - OVERLAP) // (SIDE - OVERLAP))
    return [round(at * (length - SIDE) / (n_tiles - 1)) for at in range(n_tiles)]


def _moved(word: Word, left: int, top: int) -> Word:
    box = word.box
    moved = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
    return Word(word.text, word.score, moved)


def _read_tile(tile: np.ndarray) -> list[Word]:
    found = _reader()(np.asarray(Image.fromarray(_grainy(tile)).convert("RGB")))
    if found.txts is None or found.boxes is None:
        return []
    return [
        Word(text, float(score), _around(box))
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
    ]


def _grainy(tile: np.ndarray) -> np.ndarray:
    """Give an even tile the grain of a film: on a large even one no word is found."""
    if tile.std() >= EVEN:
        return tile
    grain = np.random.default_rng(0).normal(0, GRAIN, tile.shape)
    greys = 20 + tile * (215 / 255)  # room for grain in black and white
    return np.asarray((greys + grain).clip(0, 255), np.uint8)


def _around(corners: np.ndarray) -> tuple[int, int, int, int]:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return int(left), int(top), int(right), int(bottom)


@cache
def _reader() -> "RapidOCR":
    """Load the reader once a process; its models lie in its own package."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.use_cls": False,  # text upside down is read too, or not at all
            "Global.max_side_len": SIDE,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
