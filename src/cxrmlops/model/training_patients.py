"""Whom a network learnt from, by marks that name nobody."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrmlops.errors import LeakError
from cxrmlops.model.arrays import read_arrays
from cxrmlops.model.bundle import REFERENCE

LEARNT = "learnt_patients"  # in a bundle's reference: sorted marks
Marks = npt.NDArray[np.uint64]


def marks(patient_id: Iterable[str]) -> Marks:
    """Give the mark of each pseudonym: shape (n,), the first 8 bytes of its SHA-256.

    Among a million patients two share a mark with a chance of 3 in 100 million.
    """
    digests = (sha256(name.encode()).digest()[:8] for name in patient_id)
    return np.array([int.from_bytes(each, "big") for each in digests], dtype=np.uint64)


def inherited(weights: str | None) -> Marks:
    """Give the marks of the bundle that a weights file lies in; none: nothing known.

    Args:
        weights: `train.weights`: none, torchvision's name, or a file.
    """
    beside = Path(weights).with_name(REFERENCE) if weights else None
    if beside is None or not beside.is_file():
        return marks([])
    known = read_arrays(beside)
    return known[LEARNT] if LEARNT in known else marks([])


def check_strangers(patient_id: Iterable[str], learnt: Marks, *, weights: str) -> None:
    """Raise LeakError if weights to begin with have learnt from these patients.

    Args:
        patient_id: pseudonyms of val and test.
        learnt: of the weights.
        weights: where they come from, for the message.
    """
    met = int(np.isin(marks(set(patient_id)), learnt).sum())
    if met:
        raise LeakError(
            f"train.weights: {weights} learnt from {met} patients of this split's val "
            "or test; begin with other weights, or with none (null)"
        )
