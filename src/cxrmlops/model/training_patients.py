"""Which patients a network was trained on, as hashes that name nobody."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrmlops.model.arrays import read_arrays
from cxrmlops.model.bundle import REFERENCE
from cxrmlops.system.errors import LeakError

LEARNT = "learnt_patients"  # in a bundle's reference: sorted hashes, val included
JUDGED = "val_patients"  # likewise, those of val alone
log = logging.getLogger(__name__)
HashedIds = npt.NDArray[np.uint64]


def hashed_patient_ids(patient_id: Iterable[str]) -> HashedIds:
    """Hash each pseudonym: shape (n,), the first 8 bytes of its SHA-256.

    Among a million patients two share a hash with a chance of 3 in 100 million.
    """
    digests = (sha256(name.encode()).digest()[:8] for name in patient_id)
    return np.array([int.from_bytes(each, "big") for each in digests], dtype=np.uint64)


@dataclass(frozen=True)
class KnownPatients:
    """Whom the weights that training begins with have met."""

    learnt: HashedIds  # in any way, those of `judged` included
    judged: HashedIds  # an epoch, a temperature and thresholds were chosen on them

    @property
    def known(self) -> bool:
        """Return whether anything is known of whom the weights have met."""
        return len(self.learnt) > 0


NOBODY = KnownPatients(hashed_patient_ids([]), hashed_patient_ids([]))


def inherited_patients(weights: Path | None) -> KnownPatients:
    """Read the hashes in the bundle that a weights file lies in.

    Bundles before format 5 do not tell train from val: all were learnt from.

    Args:
        weights: the file that training begins with; None: none.
    """
    beside = weights.with_name(REFERENCE) if weights else None
    if beside is None or not beside.is_file():
        return NOBODY
    arrays = read_arrays(beside)
    nobody = hashed_patient_ids([])
    return KnownPatients(arrays.get(LEARNT, nobody), arrays.get(JUDGED, nobody))


def check_no_training_overlap(
    val: Iterable[str], test: Iterable[str], known: KnownPatients, *, weights: str
) -> None:
    """Raise LeakError if the initial weights have met a patient who must be new.

    Nobody of test may be known. Of val nobody may have been learnt from; that an epoch
    was chosen on them before is what this training does, too, and so is allowed where
    that val was this one: the same split's own bundle may be gone on with, at another
    size or rate.

    Args:
        val: pseudonyms.
        test: likewise.
        known: of the weights.
        weights: where they come from, for the message.
    """
    of_val, of_test = hashed_patient_ids(set(val)), hashed_patient_ids(set(test))
    own = np.array_equal(np.sort(of_val), np.unique(known.judged))
    fitted = np.setdiff1d(known.learnt, known.judged) if own else known.learnt
    for side, n in (
        ("test", np.isin(of_test, known.learnt).sum()),
        ("val", np.isin(of_val, fitted).sum()),
    ):
        if n:
            raise LeakError(
                f"train.weights: {weights} was trained on {n} patients of this split's "
                f"{side}; begin with a bundle of this very split, other weights, or "
                "none (null)"
            )


def marks(
    patient_id: Iterable[str], val: Iterable[str], before: KnownPatients
) -> dict[str, HashedIds]:
    """Return what a bundle's reference says of whom it has met.

    Args:
        patient_id: pseudonyms of train and val.
        val: of val alone.
        before: of the weights that training began with.
    """
    return {
        LEARNT: np.union1d(hashed_patient_ids(patient_id), before.learnt),
        JUDGED: np.unique(hashed_patient_ids(val)),
    }


def warn_of_unknown_patients(weights: Path) -> None:
    """Warn where nobody can tell whom weights of one's own were trained on."""
    if not inherited_patients(weights).known:
        log.warning(
            "train: nobody knows which patients %s learnt from: no %s with their marks "
            "lies beside it; see to it that none is of val or test",
            weights,
            REFERENCE,
        )
