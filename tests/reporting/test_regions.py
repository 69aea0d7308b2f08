"""Where on a film a report writes its number."""

import numpy as np
import pytest

from cxrmlops.dicom.results.answers import LUNGS, READABLE, Region
from cxrmlops.reporting.regions import region_of


def spot(row: int, column: int, *, rows: int = 20, columns: int = 10) -> np.ndarray:
    """Draw a map with 4 in one cell, 2 around it, 1.9 and less elsewhere."""
    heat = np.full((rows, columns), 1.9)
    heat[row - 1 : row + 2, column - 1 : column + 2] = 2.0
    heat[row, column] = 4.0
    return heat


def test_it_is_as_large_as_the_evidence_stays_above_half_of_the_highest():
    assert region_of(spot(5, 4)) == Region(0.3, 0.2, 0.6, 0.35)


def test_it_is_cut_where_text_beside_it_would_leave_the_window():
    assert region_of(spot(14, 6)) == Region(0.5, 0.65, READABLE.right, READABLE.bottom)


@pytest.mark.parametrize(
    "heat", [None, np.zeros((4, 4)), np.full((4, 4), -1.0), spot(5, 8), spot(18, 4)]
)
def test_without_a_place_for_text_it_is_a_box_over_the_lungs(heat):
    assert region_of(heat) == LUNGS


def test_evidence_everywhere_is_cut_at_every_side():
    heat = np.ones((20, 10))
    heat[10, 5] = 1.5

    assert region_of(heat) == READABLE
