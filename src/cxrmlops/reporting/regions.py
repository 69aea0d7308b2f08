"""Where on a film a report writes its number: at the most evidence, or the lungs."""

import numpy as np

from cxrmlops.dicom.results.answers import LUNGS, READABLE, Region


def region_of(heat: np.ndarray | None) -> Region:
    """Return the box around the place of most evidence, where text fits beside it.

    From the highest value it reaches as far left, right, up and down as the evidence
    stays above half of it. It names a place and outlines no disease.

    Args:
        heat: shape (h, w), float, logits above the threshold; None: no map.

    Returns:
        The box inside of `READABLE`; `LUNGS` without a map, or with the highest value
        outside.
    """
    if heat is None or heat.max() <= 0:
        return LUNGS
    rows, columns = heat.shape
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    high = heat >= heat.max() / 2
    left, right = _run(high[row], int(column))
    top, bottom = _run(high[:, column], int(row))
    box = Region(
        max(left / columns, READABLE.left),
        max(top / rows, READABLE.top),
        min(right / columns, READABLE.right),
        min(bottom / rows, READABLE.bottom),
    )
    at = Region(column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
    inside = box.left <= at.left and at.right <= box.right
    return box if inside and box.top <= at.top and at.bottom <= box.bottom else LUNGS


def _run(line: np.ndarray, at: int) -> tuple[int, int]:
    """Return start and end of the run of true values around `at`."""
    before = np.flatnonzero(~line[:at])
    after = np.flatnonzero(~line[at:])
    start = int(before[-1]) + 1 if before.size else 0
    return start, at + int(after[0]) if after.size else len(line)
