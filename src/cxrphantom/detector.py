"""From attenuation to a picture: scatter, quanta, detector, display processing."""

from dataclasses import dataclass

import numpy as np

from cxrphantom.blur import blur

SHOULDER = 0.7  # the display curve is flatter in bright regions, as film was


@dataclass(frozen=True)
class Processing:
    """How one vendor turns detector signal into a picture for reading."""

    scatter: float  # scattered over primary, behind the grid, where both are even
    quanta: float  # mean count per pixel in air
    sharpness: float  # detector blur, pixels
    equalise: float  # 0 none .. 0.6: dark and bright regions drawn together
    edges: float  # edge enhancement
    contrast: float  # steepness of the display curve


def detect(
    attenuation: np.ndarray,
    processing: Processing,
    rng: np.random.Generator,
    *,
    field: tuple[int, int, int, int],
    spacing: float,
) -> np.ndarray:
    """Expose the detector.

    Args:
        attenuation: shape (rows, columns), exponent along each ray.
        processing: the vendor's detector.
        rng: draws the quanta.
        field: collimated field: top, bottom, left, right in pixels.
        spacing: mm per pixel.

    Returns:
        Shape (rows, columns), float32: signal relative to air.
    """
    primary = np.exp(-attenuation)
    top, bottom, left, right = field
    shutter = np.full_like(primary, 0.004)
    shutter[top:bottom, left:right] = 1
    primary = primary * shutter
    scattered = blur(np.minimum(primary, 0.35), 42 / spacing)
    signal = primary + processing.scatter * scattered * np.maximum(shutter, 0.25)
    signal = blur(signal, processing.sharpness)
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    signal = signal + noise * np.sqrt(signal / np.float32(processing.quanta))
    return np.maximum(signal, 1e-5)


def develop(
    signal: np.ndarray, processing: Processing, *, spacing: float, level: float
) -> np.ndarray:
    """Turn signal into values ready for the display curve, as a vendor's console does.

    Args:
        signal: shape (rows, columns), relative to air.
        processing: the vendor's.
        spacing: mm per pixel.
        level: shift along the display curve; 0 is usual.

    Returns:
        Shape (rows, columns), float32: about -4 (air) to 4 (bone); 0 becomes mid-grey.
    """
    dense = -np.log(signal)
    rows, columns = dense.shape
    middle = dense[rows // 8 : -rows // 6, columns // 7 : -columns // 7]
    low, high = np.percentile(middle[::3, ::3], [10, 90])  # lung, mediastinum
    pivot = 0.82 * low + 0.18 * high
    broad = blur(dense, 26 / spacing)
    dense = dense - processing.equalise * (broad - pivot)
    dense = dense + processing.edges * (dense - blur(dense, 2.2))
    width = max((high - low) * (1 - 0.75 * processing.equalise), 0.3)
    values = (dense - pivot) / width * processing.contrast - level
    return np.where(values > 0, SHOULDER * values, values).astype(np.float32)


def display_curve(values: np.ndarray) -> np.ndarray:
    """Map developed values to brightness: 0 darkest, 1 brightest, sigmoid."""
    return 1 / (1 + np.exp(-np.clip(values, -15, 15)))
