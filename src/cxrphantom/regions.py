"""Where planted findings lie on a film, as rectangles that a table can hold."""

from collections.abc import Iterator

import numpy as np

SIDE = 128  # cells down and across a film, whatever its pixels
COLUMNS = ("sop_instance_uid", "left", "top", "width", "height")


def region_rows(uid: str, planted: np.ndarray) -> Iterator[dict[str, str]]:
    """Write a mask as one rectangle per run of marked cells in a row.

    Args:
        uid: SOP Instance UID of the film.
        planted: shape (rows, columns), bool.

    Yields:
        Rows of `COLUMNS`; fractions of the film's width and height. Together they are
        the mask on `SIDE` x `SIDE` cells, each read in its middle.
    """
    for row, line in enumerate(_cells(planted)):
        edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0))
        for start, end in edges.reshape(-1, 2).tolist():
            numbers = (start, row, end - start, 1)
            places = (f"{number / SIDE:.7g}" for number in numbers)
            yield dict(zip(COLUMNS, (uid, *places), strict=True))


def _cells(planted: np.ndarray) -> np.ndarray:
    middle = (np.arange(SIDE) + 0.5) / SIDE
    rows, columns = ((middle * side).astype(int) for side in planted.shape)
    return np.asarray(planted[rows[:, None], columns[None, :]])
