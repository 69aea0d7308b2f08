"""
One film -> the square the network sees, and the picture people see.

The pixels of a DICOM file, of a PNG and of a JPEG come out alike: float32, 0 darkest to
1 brightest. From there one road leads to the network, for training and scoring.
"""

import zlib
from struct import error as StructError

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cxrmlops.data.placement import Placement, fitted, placed
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.read.grey_values import DIGITS, full_scale, stretched
from cxrmlops.dicom.read.pixels import (
    PIXEL_POLICY,
    Picture,
    colour_tolerance,
    one_channel,
    pixel_hash,
)
from cxrmlops.dicom.read.plausibility import thinned
from cxrmlops.dicom.read.source import LIMITS, Limits, Source
from cxrmlops.system.errors import Rejected
from cxrmlops.system.files import sha256_json

_EXIF_ORIENTATION = 0x0112
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# What Pillow raises on damaged pictures
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, StructError, zlib.error),
    *(IndexError, KeyError, TypeError, OverflowError, MemoryError),
)

_FILTER = Image.Resampling.BILINEAR  # a triangle as wide as the shrinking: antialiased
_SQUARE_POLICY = {
    "version": 2,
    "pictures": "full scale of their bit depth; percentiles of 16 bits half unused",
    "upright": "by EXIF Orientation",
    "resize": "aspect kept, triangle filter, antialiased",
    "place": "centred, padded with 0",
    "values": "uint8, rounded",
}

HASH_BLOCKS = 16  # per side, of the perceptual hash
_FRAME_SPREAD = 1 / 255  # standard deviation of a row or column of one grey
_FRAME_WIDTH = 0.08  # of the side; below it strangers stay far apart with the frame
_SAMPLES = 512  # rows and columns that statistics look at; more cost time only
_BLACK, _WHITE = 0.02, 0.98
_BORDER = 0.05  # of each side


def is_picture(start: bytes) -> bool:
    """Tell PNG and JPEG from everything else by the first bytes, not by the name."""
    return start.startswith((_PNG, _JPEG))


def read_picture(source: Source, *, limits: Limits = LIMITS) -> Picture:
    """Read a PNG or JPEG at full scale.

    Raises:
        Rejected: `too_large`, `unreadable`, `undecodable`, `multi_frame` or
            `not_grayscale`.
    """
    try:
        with (
            suppress_warnings(),
            Image.open(source.raw, formats=("PNG", "JPEG")) as file,
        ):
            _check_picture(file, limits)
            upright = ImageOps.exif_transpose(file)
            values, bits = _values(upright)
            turned = file.getexif().get(_EXIF_ORIENTATION, 1) in range(2, 9)
    except Image.DecompressionBombError as error:
        raise Rejected("too_large", "more pixels than allowed") from error
    except UnidentifiedImageError as error:
        raise Rejected("unreadable", "neither PNG nor JPEG inside") from error
    except _DAMAGE as error:
        raise Rejected(
            "undecodable", "the picture is damaged or cut short; copy it again"
        ) from error
    notes = ("turned upright as its EXIF Orientation says",) if turned else ()
    grey, voi, said = _grey(values, bits)
    return Picture(
        image=grey[values],
        voi=voi,
        pixel_hash=pixel_hash(values),
        bits_stored=bits,
        photometric_interpretation="MONOCHROME2",
        notes=notes + said,
    )


def network_square(image: np.ndarray, *, size: int) -> tuple[np.ndarray, Placement]:
    """Place a film into the square that the network sees.

    Args:
        image: shape (rows, columns), float32, 0-1.
        size: side of the square.

    Returns:
        Shape (size, size), uint8, 0 outside the film; and where the film lies in it.
    """
    where = placed(*image.shape, size=size)
    down = slice(where.top, where.top + where.height)
    across = slice(where.left, where.left + where.width)
    square = np.zeros((size, size), np.uint8)
    square[down, across] = _resized(image, where.height, where.width)
    return square, where


def reading_picture(image: np.ndarray, *, longest_side: int) -> np.ndarray:
    """Scale a film for people: longest side as asked, aspect kept, uint8.

    Three times as fast as the network's square and a little coarser: eight bits before
    anything else, and whole blocks are averaged first.
    """
    rows, columns = image.shape
    height, width = fitted(rows, columns, longest_side)
    eight_bits = (image * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    grey = Image.fromarray(eight_bits)
    return np.asarray(grey.resize((width, height), _FILTER, reducing_gap=1.0))


def preprocessing_hash(*, size: int) -> str:
    """Name everything that lies between a file and the network: 64 hex digits.

    A model is used only with the pixels it was trained on.
    """
    return sha256_json({"pixels": PIXEL_POLICY, "square": _SQUARE_POLICY, "size": size})


def image_statistics(image: np.ndarray) -> dict[str, float]:
    """Describe a film's brightness by every n-th pixel.

    Args:
        image: shape (rows, columns), float32, 0-1.

    Returns:
        mean, std, p01, p50, p99, black and white (fractions of pixels), border (mean
        of the outer 5 %).
    """
    seen = thinned(image, samples=_SAMPLES).astype(np.float64)
    p01, p50, p99 = np.percentile(seen, [1, 50, 99])
    border = np.ones(seen.shape, bool)
    edge = [max(1, round(side * _BORDER)) for side in seen.shape]
    border[edge[0] : -edge[0], edge[1] : -edge[1]] = False
    return {
        "mean": float(seen.mean()),
        "std": float(seen.std()),
        "p01": float(p01),
        "p50": float(p50),
        "p99": float(p99),
        "black": float((seen < _BLACK).mean()),
        "white": float((seen > _WHITE).mean()),
        "border": float(seen[border].mean()),
    }


def perceptual_hash(image: np.ndarray) -> str:
    """Hash what a film looks like: 512 bits, 128 hex digits.

    Difference hash: is a block brighter than the one left of it (16 x 17 blocks), than
    the one above it (17 x 16). A copy in another size, window or compression differs in
    few bits, another patient in many; with 64 bits patients often share all of them.
    What a wide frame of one grey surrounds is hashed without it: its blocks would give
    the same bits for everybody.
    """
    inner = np.ascontiguousarray(_without_wide_frame(image), dtype=np.float32)
    grey = Image.fromarray(inner)
    n = HASH_BLOCKS
    across = np.asarray(grey.resize((n + 1, n), Image.Resampling.BOX))
    down = np.asarray(grey.resize((n, n + 1), Image.Resampling.BOX))
    brighter = [across[:, 1:] > across[:, :-1], down[1:] > down[:-1]]
    return np.packbits(np.concatenate(brighter, axis=None)).tobytes().hex()


def _without_wide_frame(image: np.ndarray) -> np.ndarray:
    """Cut off rows and columns of one grey, on sides where there are many of them.

    A narrow frame stays: where it ends depends on window and compression, so that a
    copy would be cut otherwise than its source.
    """
    rows = _inner(image)
    return image[rows, _inner(image[rows].T)]


def _inner(lines: np.ndarray) -> slice:
    shown = np.flatnonzero(lines.std(axis=1) > _FRAME_SPREAD)
    n = len(lines)
    if len(shown) < n // HASH_BLOCKS:
        return slice(None)  # next to nothing is shown
    least = _FRAME_WIDTH * n
    first, last = int(shown[0]), int(shown[-1]) + 1
    return slice(first if first > least else 0, last if n - last > least else n)


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    made = image
    if image.shape != (height, width):
        made = np.asarray(Image.fromarray(image).resize((width, height), _FILTER))
    return (np.clip(made, 0, 1) * 255 + 0.5).astype(np.uint8)


def _grey(values: np.ndarray, bits: int) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Return the grey of each value, where it comes from, and what is odd about it.

    A picture of 16 bits by the standard is dark if it uses fewer: raw values of a
    detector were stored without a window. They are shown as a DICOM film without one.
    """
    highest = int(values.max(initial=0))
    if bits == 8 or highest >= 1 << (bits - 1):
        return full_scale(bits), "full_scale", ()
    counts = np.bincount(values.ravel(), minlength=1 << bits)
    grey = stretched(np.arange(1 << bits, dtype=np.float64), counts)
    note = f"{bits} bits whose highest value is {highest}: contrast by percentiles"
    return grey.round(DIGITS).astype(np.float32), "percentile", (note,)


def _check_picture(file: Image.Image, limits: Limits) -> None:
    columns, rows = file.size
    if rows * columns > limits.max_pixels:
        raise Rejected("too_large", f"{rows} x {columns} pixels")
    if getattr(file, "n_frames", 1) > 1:
        raise Rejected("multi_frame", "an animated picture")


def _values(file: Image.Image) -> tuple[np.ndarray, int]:
    """Decode to one channel: shape (rows, columns), uint8 or uint16; and its bits."""
    if file.mode.startswith("I"):
        return np.asarray(file).astype(np.uint16), 16
    if file.mode in ("1", "L", "LA"):
        return np.asarray(file.convert("L")), 8
    if file.mode in ("RGB", "RGBA", "P", "YCbCr"):
        colours = np.asarray(file.convert("RGB"))
        return one_channel(colours, tolerance=colour_tolerance(8)), 8
    raise Rejected("not_grayscale", f"colour mode {file.mode}")
