"""Whether rows and columns stand where they belong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrmlops.dicom.read import pixel_order
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


@given(st.integers(2, 300), st.integers(1, 300), st.integers(0, 9))
def test_differences_are_those_of_each_shift_taken_alone(n, most, seed):
    stream = np.random.default_rng(seed).normal(size=n)
    shifts = np.arange(min(n, most))

    found = pixel_order._differences(stream, shifts)

    wanted = [np.square(stream[k:] - stream[: n - k]).mean() for k in shifts]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_a_width_with_a_large_prime_factor_costs_no_more_than_another(monkeypatch):
    lengths, transform = [], np.fft.rfft

    def note(stream, length):
        lengths.append(length)
        return transform(stream, length)

    monkeypatch.setattr(np.fft, "rfft", note)
    best_stride(np.zeros((64, 2 * 1511), np.float32))  # ten times as long as 3,072

    assert set(lengths) == {27 * 1024}
