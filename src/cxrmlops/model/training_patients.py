"""Which patients a network was trained on, as hashes that name nobody."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrmlops.model.arrays import read_arrays
from cxrmlops.model.bundle import REFERENCE
from cxrmlops.system.errors import LeakError

LEARNT = "learnt_patients"  # in a bundle's reference: sorted hashes
HashedIds = npt.NDArray[np.uint64]


def hashed_patient_ids(patient_id: Iterable[str]) -> HashedIds:
    """Hash each pseudonym: shape (n,), the first 8 bytes of its SHA-256.

    Among a million patients two share a hash with a chance of 3 in 100 million.
    """
    digests = (sha256(name.encode()).digest()[:8] for name in patient_id)
    return np.array([int.from_bytes(each, "big") for each in digests], dtype=np.uint64)


def inherited_patient_ids(weights: Path | None) -> HashedIds:
    """Read the hashes in the bundle that a weights file lies in; none: nothing known.

    Args:
        weights: the file that training begins with; None: none.
    """
    beside = weights.with_name(REFERENCE) if weights else None
    if beside is None or not beside.is_file():
        return hashed_patient_ids([])
    known = read_arrays(beside)
    return known[LEARNT] if LEARNT in known else hashed_patient_ids([])


def check_no_training_overlap(
    patient_id: Iterable[str], learnt: HashedIds, *, weights: str
) -> None:
    """Raise LeakError if the initial weights were trained on any of these patients.

    Args:
        patient_id: pseudonyms of val and test.
        learnt: of the weights.
        weights: where they come from, for the message.
    """
    n = int(np.isin(hashed_patient_ids(set(patient_id)), learnt).sum())
    if n:
        raise LeakError(
            f"train.weights: {weights} was trained on {n} patients of this split's val "
            "or test; begin with other weights, or with none (null)"
        )
