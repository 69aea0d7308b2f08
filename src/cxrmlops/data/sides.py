"""On which side of a split each image stands: its one promise, and its name."""

import pandas as pd

from cxrmlops.errors import LeakError
from cxrmlops.files import sha256_json


def check_sides(images: pd.DataFrame, *, policy: str) -> None:
    """Raise LeakError if a split by patient has a patient on two sides.

    Whoever reads a split asks again: a table can be changed after it was written.

    Args:
        images: SPLITS rows, those of every split.
        policy: of the split; `case` leaks by design and is refused by the gate.
    """
    if policy == "patient":
        check_no_leak(images.patient_id, images.split)
        check_no_leak(images.group, images.split)


def check_no_leak(patient_id: pd.Series, split: pd.Series) -> None:
    """Raise LeakError if a patient (or a group) stands on two sides."""
    leaking = leaking_patients(patient_id, split)
    if leaking:
        raise LeakError(
            f"{len(leaking)} patient(s) in more than one split; run dvc repro split",
            leaking,
        )


def leaking_patients(patient_id: pd.Series, split: pd.Series) -> list[str]:
    """List the patients who stand on more than one side."""
    sides = split.groupby(patient_id).nunique()
    return [str(name) for name in sides.index[sides > 1]]


def split_hash(image_id: pd.Series, split: pd.Series) -> str:
    """Name a split by its content: SHA-256 of the sorted (image_id, split) pairs."""
    return sha256_json(
        sorted(zip(image_id.astype(str), split.astype(str), strict=True))
    )
