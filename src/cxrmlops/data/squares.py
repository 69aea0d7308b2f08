"""The squares of rows of a table, out of their shards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.data.shards import gather, open_shards
from cxrmlops.errors import DataError


def film_squares(folder: Path) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return a function that copies the squares of SPLITS rows into memory.

    Its result has shape (n_rows, size, size), uint8; DataError, where a row names a
    shard that `folder` does not hold.
    """
    shards = open_shards(folder)

    def squares(rows: pd.DataFrame) -> np.ndarray:
        if len(shards) <= rows.shard.max():
            raise DataError(
                f"{folder} holds {len(shards)} shard(s), but the split names shard "
                f"{rows.shard.max()}; run the stage 'preprocess' (dvc repro) again"
            )
        return gather(shards, rows.shard.to_numpy(), rows.row.to_numpy())

    return squares
