"""
Pictures that mean nothing, made from whole films or from nothing, by a seed.

Each maker takes a film, shape (rows, columns), float32, 0-1, and a random generator,
and gives a picture of the same kind. One film and one seed always make the same.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Maker = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def one_side_missing(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose a quarter to four fifths of the film at one side: one grey value instead."""
    turned = np.rot90(image, int(rng.integers(4))).copy()
    turned[round(len(turned) * rng.uniform(0.2, 0.75)) :] = _filling(rng)
    return _as_before(turned, image)


def middle_missing(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose a block of rows or columns in the middle."""
    lying = np.rot90(image, int(rng.integers(2))).copy()
    start = round(len(lying) * rng.uniform(0.15, 0.6))
    lying[start : start + round(len(lying) * rng.uniform(0.08, 0.3))] = _filling(rng)
    return _as_before(lying, image)


def bands_missing(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose every n-th band of rows or columns."""
    lying = np.rot90(image, int(rng.integers(2))).copy()
    period = int(rng.integers(4, 65))
    lost = np.arange(len(lying)) % period < max(
        1, round(period * rng.uniform(0.2, 0.7))
    )
    lying[lost] = _filling(rng)
    return _as_before(lying, image)


def rows_shuffled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put rows or columns into random order."""
    lying = np.rot90(image, int(rng.integers(2)))
    return _as_before(lying[rng.permutation(len(lying))], image)


def blocks_shuffled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put bands of 4 to 48 rows or columns into random order."""
    lying = np.rot90(image, int(rng.integers(2)))
    width = int(rng.integers(4, 49))
    bands = np.array_split(lying, max(3, len(lying) // width))
    mixed = [bands[one] for one in rng.permutation(len(bands))]
    return _as_before(np.concatenate(mixed), image)


def sheared(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Read the film's stream with Columns wrong by 1 to 40."""
    wrong = image.shape[1] + int(rng.choice([-40, -8, -3, -2, -1, 1, 2, 3, 8, 40]))
    return _streamed(image, wrong)


def sides_exchanged(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Read the film's stream with Rows and Columns exchanged, 6 to 30 % apart."""
    short = round(image.shape[1] * rng.uniform(0.7, 0.94))
    cut = image[:, (image.shape[1] - short) // 2 :][:, :short]
    cut = cut if rng.random() < 0.5 else np.ascontiguousarray(cut.T)
    return _streamed(cut, len(cut))


def columns_halved_or_doubled(
    image: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Read the film's stream with twice or half as many columns."""
    even = image[:, : image.shape[1] // 2 * 2]
    side = even.shape[1]
    wide = rng.random() < 0.5
    made = _streamed(even, 2 * side if wide else side // 2)
    return np.repeat(made, 2, axis=0) if wide else np.repeat(made, 2, axis=1)


def copies_side_by_side(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Show the film twice or four times."""
    small = image[::2, ::2]
    rows, columns = [(1, 2), (2, 1), (2, 2)][int(rng.integers(3))]
    return np.tile(small, (rows, columns))


def on_its_side(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn the film by 90 or 270 degrees."""
    return np.rot90(image, int(rng.choice([1, 3]))).copy()


def upside_down(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn the film by 180 degrees, or mirror it head over heels."""
    return (image[::-1, ::-1] if rng.random() < 0.5 else image[::-1]).copy()


def text_page(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scan a letter: dark lines on light paper or the reverse, unevenly lit."""
    rows, columns = image.shape
    page = Image.new("L", (columns, rows), 255)
    pen = ImageDraw.Draw(page)
    letters = list("abcdefghijklmnopqrstuvwxyz     ")
    size = float(rng.uniform(9, max(10.0, rows / 18)))
    margin = rng.uniform(0.02, 0.15) * columns
    down = margin
    while down < rows - margin:
        words = "".join(rng.choice(letters, 200))
        pen.text(
            (margin, down), words[: int(columns / size * 2)], fill=0, font_size=size
        )
        down += size * rng.uniform(1.2, 1.6) + (size if rng.random() < 0.1 else 0)
    grey = np.asarray(page, np.float32) / 255
    lit = 1 - rng.uniform(0, 0.25) * _ramp(image.shape, rng)
    noisy = grey * lit + rng.normal(0, rng.uniform(0, 0.03), grey.shape)
    made = np.clip(noisy, 0, 1) if rng.random() < 0.7 else 1 - np.clip(noisy, 0, 1)
    return np.asarray(made, np.float32)


def checkerboard(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw fields, bars or rings of two greys, with or without noise."""
    down, across = np.mgrid[: image.shape[0], : image.shape[1]]
    cell = max(3, int(min(image.shape) * rng.uniform(0.02, 0.2)))
    kinds = [
        down // cell + across // cell,
        across // cell,
        down // cell,
        np.hypot(down - image.shape[0] / 2, across - image.shape[1] / 2).astype(int)
        // cell,
    ]
    low, high = rng.uniform(0, 0.4), rng.uniform(0.6, 1)
    field = np.where(kinds[int(rng.integers(4))] % 2, high, low)
    return _noisy(field, rng)


def ramp(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a grey ramp in any direction, with or without noise."""
    return _noisy(_ramp(image.shape, rng) ** rng.uniform(0.5, 2), rng)


def blobs(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one to six soft bright or dark spots."""
    down, across = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    made = np.zeros(image.shape)
    n = int(rng.integers(1, 7))
    centres = (
        rng.uniform(-0.7, 0.7, (n, 2)) if n > 1 else rng.uniform(-0.1, 0.1, (1, 2))
    )
    for y, x in centres:
        width = rng.uniform(0.1, 0.6)
        sign = 1 if n == 1 else rng.choice([-1, 1])
        made += sign * np.exp(-((down - y) ** 2 + (across - x) ** 2) / (2 * width**2))
    return _noisy(_stretched(made), rng)


def texture(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw noise whose power falls with frequency to the power of 1 to 4."""
    white = np.fft.rfft2(rng.normal(size=image.shape))
    y, x = np.fft.fftfreq(image.shape[0]), np.fft.rfftfreq(image.shape[1])
    frequency = np.hypot(y[:, None], x[None])
    frequency[0, 0] = np.inf
    pink = np.fft.irfft2(white / frequency ** rng.uniform(0.5, 2), s=image.shape)
    return np.asarray(_stretched(pink), np.float32)


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a coarse random landscape, enlarged."""
    side = int(rng.integers(6, 40))
    coarse = rng.normal(size=(side, side)).cumsum(0).cumsum(1).astype(np.float32)
    wide = Image.fromarray(coarse).resize(image.shape[::-1], Image.Resampling.BICUBIC)
    return _noisy(_stretched(np.asarray(wide, np.float64)), rng)


def shape_alone(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one disc, ellipse or rectangle on an even ground."""
    down, across = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    high, wide = rng.uniform(0.3, 0.9, 2)
    within = (
        (down / high) ** 2 + (across / wide) ** 2 < 1
        if rng.random() < 0.5
        else (np.abs(down) < high) & (np.abs(across) < wide)
    )
    inner, outer = (0.85, 0.1) if rng.random() < 0.5 else (0.15, 0.9)
    shaded = np.where(within, inner + 0.1 * down, outer)
    return _noisy(shaded, rng)


FROM_IMAGES: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        one_side_missing,
        middle_missing,
        bands_missing,
        rows_shuffled,
        blocks_shuffled,
        sheared,
        sides_exchanged,
        columns_halved_or_doubled,
        copies_side_by_side,
        on_its_side,
        upside_down,
    )
}
FROM_NOTHING: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        text_page,
        checkerboard,
        ramp,
        blobs,
        texture,
        photograph,
        shape_alone,
    )
}
TURNED = ("on_its_side", "upside_down")


def _filling(rng: np.random.Generator) -> np.float32:
    return np.float32(rng.choice([0, 0, 0, 1, rng.uniform(0, 1)]))


def _as_before(lying: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Turn back what was turned to be cut in rows."""
    rows, columns = image.shape
    return np.ascontiguousarray(lying if lying.shape == (rows, columns) else lying.T)


def _streamed(image: np.ndarray, columns: int) -> np.ndarray:
    """Read a film's pixels, row after row, as if it had other columns."""
    stream = image.ravel()
    rows = len(stream) // columns
    return np.ascontiguousarray(stream[: rows * columns].reshape(rows, columns))


def _ramp(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    down, across = np.mgrid[: shape[0], : shape[1]]
    angle = rng.uniform(0, 2 * np.pi)
    return _stretched(np.sin(angle) * down + np.cos(angle) * across)


def _stretched(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.min()) / np.ptp(values))


def _noisy(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, rng.choice([0, 0.005, 0.03]), field.shape)
    return np.asarray(np.clip(field + noise, 0, 1), np.float32)
