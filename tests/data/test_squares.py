import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.shards import ShardWriter
from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.system.errors import DataError


def test_squares_come_in_the_order_of_the_rows_and_a_missing_shard_is_named(tmp_path):
    shards = ShardWriter(tmp_path, size=2, images_per_shard=2)
    for grey in (10, 20, 30):
        shards.add(np.full((2, 2), grey, np.uint8))
    shards.close()
    squares = image_squares(tmp_path)

    found = squares(pd.DataFrame({"shard": [1, 0], "row": [0, 1]}))

    assert found[:, 0, 0].tolist() == [30, 20]
    with pytest.raises(DataError, match="names shard 2; run the stage 'preprocess'"):
        squares(pd.DataFrame({"shard": [2], "row": [0]}))


def test_parts_hold_every_row_once_in_order():
    rows = pd.DataFrame({"row": range(5)}, index=list("abcde"))

    parts = [part.row.tolist() for part in in_parts(rows, 2)]

    assert parts == [[0, 1], [2, 3], [4]]
