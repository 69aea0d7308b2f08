"""The squares of rows of a table, out of their shards."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.data.shards import gather, open_shards
from cxrmlops.system.errors import DataError

AT_ONCE = 256  # films in memory


def image_squares(folder: Path) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return a function that copies the squares of SPLITS rows into memory.

    Its result has shape (n_rows, size, size), uint8; DataError, where a row names a
    shard that `folder` does not hold.
    """
    shards = open_shards(folder)

    def squares(rows: pd.DataFrame) -> np.ndarray:
        check_shards(shards, rows, folder=folder)
        return gather(shards, rows.shard.to_numpy(), rows.row.to_numpy())

    return squares


def check_shards(
    shards: Sequence[np.ndarray], rows: pd.DataFrame, *, folder: Path
) -> None:
    """Check that `folder` holds every shard that SPLITS rows name, else DataError."""
    if len(shards) <= rows.shard.max():
        raise DataError(
            f"{folder} holds {len(shards)} shard(s), but the split names shard "
            f"{rows.shard.max()}; run the stage 'preprocess' (dvc repro) again"
        )


def in_parts(rows: pd.DataFrame, at_once: int = AT_ONCE) -> Iterator[pd.DataFrame]:
    """Cut rows into parts of at most `at_once`, in order: squares fill the memory."""
    for start in range(0, len(rows), at_once):
        yield rows.iloc[start : start + at_once]
