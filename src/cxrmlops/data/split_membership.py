"""On which side of a split each image stands: its one promise, and its name."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.system.errors import DataError, LeakError
from cxrmlops.system.files import sha256_json

FITTED_ON = "val"


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


def check_fitting_rows(
    values: npt.NDArray[np.float64],
    abnormal: npt.NDArray[np.bool_],
    split: npt.ArrayLike,
    *,
    what: str,
    measured: str,
) -> None:
    """Refuse rows that nothing may be fitted on: of another split, or of no use.

    Args:
        values: shape (n_studies,).
        abnormal: shape (n_studies,), ASF stated in the report.
        split: shape (n_studies,), every one "val".
        what: is fitted, plural; begins a sentence.
        measured: what `values` are, plural.

    Raises:
        LeakError: a row does not belong to val.
        DataError: val lacks one of the classes, or a value is not a number.
    """
    names = pd.Series(np.asarray(split, dtype=object), dtype="string").fillna("unknown")
    foreign = names[names != FITTED_ON].value_counts()
    if len(foreign):
        told = ", ".join(f"{n} of {name}" for name, n in sorted(foreign.items()))
        raise LeakError(
            f"{what} are chosen on val alone, but got {told} row(s); hand over the "
            "rows of val only"
        )
    if not np.isfinite(values).all():
        raise DataError(
            f"val: {int((~np.isfinite(values)).sum())} of {len(values)} {measured} "
            "are not numbers; the training did not converge, lower train.learning_rate"
        )
    if abnormal.all() or not abnormal.any():
        raise DataError(
            f"val holds {int(abnormal.sum())} ASF and {int((~abnormal).sum())} NSF "
            f"studies; {what} need both: enlarge the cohort or split.val"
        )
