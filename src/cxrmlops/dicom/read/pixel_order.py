"""
Whether rows and columns stand where they belong.

Neighbours in a film are alike, along a row as down a column. A header with wrong Rows
or Columns, and rows out of order, break this in one direction only.
"""

import numpy as np

_SAMPLES = 512  # rows that are compared with the next one
_BANDS = 12  # of neighbouring rows that are looked at, spread over the film
_ROWS = 6  # of a band
_FAST_LENGTH = 1024  # multiples of it have small factors, as a fast transform needs
_WRONG_STRIDE = 0.7  # difference at the best stride : at Columns; real films 0.87+
_OUT_OF_ORDER = 2.8  # steps down : steps across, or the reverse; real films to 1.7


def disorder(image: np.ndarray) -> str:
    """Return how rows and columns are out of order; "" if they are not.

    Args:
        image: shape (rows, columns), float32, 0-1, at full size.
    """
    # steps per side, not per pixel: pixels may stand closer one way than the other
    every = max(1, len(image) // _SAMPLES) | 1  # odd: rows may be out of order by pairs
    one, next_one = image[:-1:every], image[1::every]
    down = image.shape[0] * float(np.abs(next_one - one).mean())
    across = image.shape[1] * float(np.abs(np.diff(one, axis=1)).mean())
    if down > _OUT_OF_ORDER * across:
        return "rows are unlike their neighbours"
    if across > _OUT_OF_ORDER * down:
        return "columns are unlike their neighbours"
    columns, stride = image.shape[1], best_stride(image)
    if stride != columns:
        return f"pixels repeat after {stride} columns, the picture has {columns}"
    return ""


def best_stride(image: np.ndarray) -> int:
    """Find after how many pixels of the stream the next row begins.

    Reads rows one after another, as they are stored, and asks which shift of that
    stream against itself leaves the smallest squared difference.

    Returns:
        The number of columns, unless another shift, from a quarter of them to three
        times as many, is better by far.
    """
    rows, columns = image.shape
    height = min(_ROWS, rows)
    shifts = np.arange(min(3 * columns, height * columns - 1))
    difference = np.zeros(len(shifts))
    for start in np.linspace(0, rows - height, _BANDS).astype(int):
        stream = image[start : start + height].ravel().astype(np.float64)
        difference += _differences(stream - stream.mean(), shifts)
    here = difference[columns]
    difference[: max(1, columns // 4)] = np.inf
    best = int(difference.argmin())
    return best if difference[best] < _WRONG_STRIDE * here else columns


def _differences(stream: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the mean squared difference of a stream to itself, for each shift."""
    n, most = len(stream), len(shifts)
    # so that no shift reaches the other end; other lengths may take ten times as long
    padded = -(-(n + most) // _FAST_LENGTH) * _FAST_LENGTH
    spectrum = np.fft.rfft(stream, padded)
    product = np.fft.irfft(spectrum * spectrum.conj())[:most]
    power = np.concatenate([[0], np.cumsum(stream**2)])
    both = power[n - shifts] + power[n] - power[shifts]
    return np.asarray((both - 2 * product) / (n - shifts))
