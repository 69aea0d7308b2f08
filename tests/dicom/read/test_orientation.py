"""Which way up a film lies in its file."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.orientation import turn_upright

HEAD_TO_FEET = np.arange(12).reshape(4, 3)  # upright: rows from head to feet

# Each orientation, and the upright picture laid down so by hand: what PS3.3
# C.7.6.1.1.1 says of where rows (first value) and columns (second) run to
STORED = {
    ("L", "F"): HEAD_TO_FEET,
    ("R", "F"): HEAD_TO_FEET[:, ::-1],
    ("L", "H"): HEAD_TO_FEET[::-1],
    ("R", "H"): HEAD_TO_FEET[::-1, ::-1],
    ("F", "L"): HEAD_TO_FEET.T,
    ("H", "L"): HEAD_TO_FEET.T[:, ::-1],
    ("F", "R"): HEAD_TO_FEET.T[::-1],
    ("H", "R"): HEAD_TO_FEET.T[::-1, ::-1],
}


def image(*orientation: str) -> Dataset:
    dataset = Dataset()
    dataset.PatientOrientation = list(orientation)
    return dataset


@pytest.mark.parametrize("orientation", list(STORED))
def test_an_image_is_turned_upright_from_every_side(orientation):
    turn = turn_upright(image(*orientation))

    np.testing.assert_array_equal(turn.apply(STORED[orientation]), HEAD_TO_FEET)
    assert bool(turn) == (orientation != ("L", "F"))


def test_a_slanted_direction_counts_by_its_first_letter():
    turn = turn_upright(image("rf", "HL"))

    assert turn == turn_upright(image("R", "H"))


@pytest.mark.parametrize(
    "orientation", [(), ("L",), ("A", "F"), ("P", "F"), ("L", "R"), ("H", "F"), ("X",)]
)
def test_an_image_whose_header_does_not_say_stays_as_it_is(orientation):
    assert not turn_upright(image(*orientation))
    assert not turn_upright(Dataset())
