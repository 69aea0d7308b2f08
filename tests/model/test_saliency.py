from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.model.saliency import (
    evidence_on_image,
    evidence_on_square,
    tile_middles,
)


@dataclass(frozen=True)
class Place:
    top: int
    left: int
    height: int
    width: int
    size: int


WHOLE = Place(0, 0, 64, 64, 64)
WIDE = Place(16, 0, 32, 64, 64)  # a film twice as wide as high, padded above and below


def tiled(cells: int) -> tuple[float, ...]:
    return tile_middles(cells, WHOLE.size)


def test_a_constant_map_stays_constant():
    spread = evidence_on_image(
        np.full((4, 4), 1.5), WIDE, places=tiled(4), rows=50, columns=100
    )

    assert spread.shape == (50, 100)
    np.testing.assert_allclose(spread, 1.5, rtol=1e-6)


def test_the_centre_of_a_cell_keeps_its_value():
    evidence = np.arange(16.0).reshape(4, 4)

    spread = evidence_on_image(evidence, WHOLE, places=tiled(4), rows=12, columns=12)

    np.testing.assert_allclose(spread[1::3, 1::3], evidence, rtol=1e-5)


def test_a_cell_is_drawn_where_it_looks_and_not_where_its_tile_would_lie():
    evidence = np.zeros((4, 4))
    evidence[1, 2] = 1.0

    spread = evidence_on_image(
        evidence, WHOLE, places=(0.5, 16.5, 32.5, 48.5), rows=64, columns=64
    )

    assert spread[16, 32] == spread.max() == 1  # pixels of 16 * 1 and 16 * 2
    assert spread[16, 16] == spread[32, 32] == spread[0, 32] == 0


def test_beyond_the_outermost_cell_its_value_holds():
    evidence = np.array([[1.0, 3.0], [1.0, 3.0]])

    spread = evidence_on_image(evidence, WHOLE, places=(0.5, 16.5), rows=64, columns=64)

    assert (spread[:, 16:] == 3).all()
    assert (spread[:, 0] == 1).all()


def test_a_map_of_the_square_is_that_of_a_film_that_fills_it():
    evidence = np.random.default_rng(0).normal(size=(2, 4, 4)).astype("f4")
    places = (0.5, 16.5, 32.5, 48.5)

    spread = evidence_on_square(evidence, places=places, size=64, side=48)

    assert spread.shape == (2, 48, 48)
    for each, own in zip(spread, evidence, strict=True):
        alone = evidence_on_image(own, WHOLE, places=places, rows=48, columns=48)
        np.testing.assert_array_equal(each, alone)
    assert evidence_on_square(
        evidence[:0], places=places, size=64, side=8
    ).shape == (0, 8, 8)  # fmt: skip


def test_cells_that_look_inward_are_drawn_inward():
    evidence = np.array([[0.0], [1.0], [2.0]])  # three rows, one column

    spread = evidence_on_image(
        evidence @ np.ones((1, 3)), WHOLE, places=(20.5, 24.5, 44.5), rows=64, columns=2
    )

    assert (spread[:21] == 0).all()
    assert spread[22, 0] == pytest.approx(0.5)
    assert spread[24, 0] == 1
    assert spread[34, 0] == pytest.approx(1.5)
    assert (spread[44:] == 2).all()


def test_a_ramp_stays_a_ramp():
    evidence = np.tile(np.arange(8.0), (8, 1))

    spread = evidence_on_image(evidence, WHOLE, places=tiled(8), rows=64, columns=64)

    inner = spread[0, 4:-4]
    np.testing.assert_allclose(np.diff(inner), 1 / 8, rtol=1e-4)


def test_what_lies_in_the_padding_does_not_reach_the_image():
    evidence = np.zeros((8, 8))
    evidence[[0, 7]] = 100.0  # rows of the padding, away from the film's edge

    spread = evidence_on_image(evidence, WIDE, places=tiled(8), rows=32, columns=64)

    assert spread.max() == 0


def test_a_spot_lies_where_it_lies_on_the_image():
    evidence = np.zeros((8, 8))
    evidence[3, 6] = 1.0  # square rows 24-32, columns 48-56: film rows 8-16

    spread = evidence_on_image(evidence, WIDE, places=tiled(8), rows=32, columns=64)

    assert np.unravel_index(spread.argmax(), spread.shape) in {
        (row, column) for row in (11, 12) for column in (51, 52)
    }


def test_more_pixels_show_the_same_map():
    evidence = np.random.default_rng(0).normal(size=(4, 4))

    small = evidence_on_image(evidence, WIDE, places=tiled(4), rows=16, columns=32)
    large = evidence_on_image(evidence, WIDE, places=tiled(4), rows=48, columns=96)

    np.testing.assert_allclose(large[1::3, 1::3], small, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(
    cells=st.integers(1, 16),
    rows=st.integers(1, 80),
    columns=st.integers(1, 80),
    top=st.integers(0, 20),
    height=st.integers(1, 44),
)
def test_no_place_shows_more_than_the_map_holds(cells, rows, columns, top, height):
    evidence = np.random.default_rng(cells).normal(size=(cells, cells))
    place = Place(top, 0, height, 64, 64)

    spread = evidence_on_image(
        evidence, place, places=tiled(cells), rows=rows, columns=columns
    )

    assert spread.shape == (rows, columns)
    assert spread.dtype == np.float32
    assert spread.min() >= evidence.min() - 1e-5
    assert spread.max() <= evidence.max() + 1e-5


def test_the_front_ends_placement_fits():
    preprocess = pytest.importorskip("cxrmlops.data.preprocess")
    image = np.random.default_rng(0).random((90, 60), np.float32)

    _, placement = preprocess.network_square(image, size=32)
    spread = evidence_on_image(
        np.ones((1, 1)), placement, places=(0.5,), rows=90, columns=60
    )

    assert spread.shape == (90, 60)
