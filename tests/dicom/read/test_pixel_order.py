"""Whether rows and columns stand where they belong."""

import numpy as np
import pytest

from cxrmlops.dicom.read.pixel_order import best_stride, disorder
from tests.make import make_thorax

COLUMNS = 240


def read_as(image: np.ndarray, columns: int) -> np.ndarray:
    """Read a film's stream as if it had other columns."""
    stream = image.ravel()
    rows = len(stream) // columns
    return stream[: rows * columns].reshape(rows, columns)


def test_an_image_is_in_order():
    assert disorder(make_thorax()) == ""
    assert best_stride(make_thorax()) == COLUMNS


@pytest.mark.parametrize("columns", [COLUMNS - 16, COLUMNS - 40, COLUMNS + 40, 480])
def test_wrong_columns_are_found_and_the_right_ones_named(columns):
    assert best_stride(read_as(make_thorax(columns=COLUMNS), columns)) == COLUMNS


def test_rows_and_columns_in_random_order_are_found():
    image = make_thorax()
    order = np.random.default_rng(0).permutation

    assert "rows" in disorder(image[order(len(image))])
    assert "columns" in disorder(image[:, order(image.shape[1])])
