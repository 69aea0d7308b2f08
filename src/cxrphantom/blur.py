"""Gaussian blur and smooth random fields, the same bits on every run."""

import numpy as np

_COARSE = 3.0  # pixels; wider blurs are done on a coarser grid


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an image of shape (rows, columns) with a Gaussian of `sigma` pixels."""
    if sigma < 0.2:
        return image
    if sigma <= _COARSE:
        return _convolve(_convolve(image, sigma).T, sigma).T
    step = int(sigma / 2)
    rows, columns = image.shape
    padded = np.pad(image, ((0, -rows % step), (0, -columns % step)), mode="edge")
    coarse = padded.reshape(padded.shape[0] // step, step, -1, step).mean((1, 3))
    coarse = _convolve(_convolve(coarse, sigma / step).T, sigma / step).T
    return enlarge(coarse, padded.shape)[:rows, :columns]


def enlarge(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Interpolate `coarse` linearly to `shape`, cell centres on cell centres."""
    return _stretch(_stretch(coarse, shape[0]).T, shape[1]).T


def clouds(
    rng: np.random.Generator, shape: tuple[int, int], *, coarsest: int, octaves: int
) -> np.ndarray:
    """Draw a smooth random field: mean about 0, deviation about 1, float32.

    Args:
        rng: source of randomness.
        shape: rows, columns.
        coarsest: cells along the longer side of the coarsest octave.
        octaves: each has half the wavelength and about half the strength of the last.
    """
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        noise = rng.standard_normal((cells + 1, cells + 1), dtype=np.float32)
        field += enlarge(noise, shape) * 0.55**octave
    return field * 1.2


def _convolve(image: np.ndarray, sigma: float) -> np.ndarray:
    reach = max(1, int(np.ceil(2.7 * sigma)))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weight = (weight / weight.sum()).astype(np.float32)
    padded = np.pad(image, ((reach, reach), (0, 0)), mode="edge")
    rows = image.shape[0]
    total = padded[reach : reach + rows] * weight[reach]
    for k in range(1, reach + 1):
        pair = padded[reach - k : reach - k + rows] + padded[reach + k :][:rows]
        total += pair * weight[reach + k]
    return total


def _stretch(coarse: np.ndarray, length: int) -> np.ndarray:
    at = (np.arange(length) + 0.5) * coarse.shape[0] / length - 0.5
    at = np.clip(at, 0, coarse.shape[0] - 1)
    low = np.minimum(at.astype(int), max(coarse.shape[0] - 2, 0))
    part = (at - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, coarse.shape[0] - 1)
    return coarse[low] * (1 - part) + coarse[high] * part
