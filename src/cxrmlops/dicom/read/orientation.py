"""
Which way up a film lies in its file (PS3.3 C.7.6.1.1.1), and how to turn it upright.

Readers look at a frontal film with the patient's left on their right and the head up:
PatientOrientation L\\F. A header that says otherwise speaks of stored pixels: those are
turned, as a viewer would, so that network and reader see what they know.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import texts

UPRIGHT = ("L", "F")  # where rows run to, where columns run to


@dataclass(frozen=True)
class Turn:
    """How stored pixels become the upright picture, in this order."""

    transposed: bool = False
    rows_reversed: bool = False  # each row from its end: left and right exchanged
    columns_reversed: bool = False  # each column from its end: upside down

    def __bool__(self) -> bool:
        """Tell a turn from none."""
        return self.transposed or self.rows_reversed or self.columns_reversed

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turn a picture: shape (rows, columns), or (columns, rows) if transposed."""
        turned = image.T if self.transposed else image
        across = slice(None, None, -1 if self.rows_reversed else 1)
        down = slice(None, None, -1 if self.columns_reversed else 1)
        return np.ascontiguousarray(turned[down, across])


def turn_upright(dataset: Dataset) -> Turn:
    """Return how a film must be turned; no turn where the header does not say.

    A direction such as LF is mostly the first of its letters. A film whose plane holds
    the front-back direction is a lateral one, and stays as it is.
    """
    mainly = [direction[:1] for direction in texts(dataset, "PatientOrientation")]
    if len(mainly) != 2:
        return Turn()
    transposed = mainly[0] in ("H", "F") and mainly[1] in ("L", "R")
    across, down = reversed(mainly) if transposed else mainly
    if across not in ("L", "R") or down not in ("H", "F"):
        return Turn()
    return Turn(transposed, across == "R", down == "H")
