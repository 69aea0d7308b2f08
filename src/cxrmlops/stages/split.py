"""Patients -> train, val, test."""

import logging
from pathlib import Path

import pandas as pd

from cxrmlops.data.duplicates import patient_groups
from cxrmlops.data.split import (
    assign_cases,
    assign_patients,
    check_not_empty,
    side_of_unreadable,
)
from cxrmlops.data.split_membership import check_sides, leaking_patients, split_hash
from cxrmlops.params import SplitParams
from cxrmlops.records.split import SideCounts, SplitManifest, StratumCounts
from cxrmlops.records.tables import NOT_EVALUABLE, QUARANTINE, SPLITS, VALIDATED
from cxrmlops.system.files import whole_folder

log = logging.getLogger(__name__)


def run(*, validate: Path, out: Path, params: SplitParams) -> None:
    """Write images.parquet (with group and split), counts.json and manifest.json.

    Studies without a readable film stand in not_evaluable.parquet, each on a side, so
    that `evaluate` can count them as failures.

    Raises:
        DataError: a split would be empty, or without one of the two answers.
        LeakError: a patient on two sides (policy `patient`).
    """
    images = VALIDATED.read(validate)

    group = patient_groups(
        images.patient_id,
        images.pixel_hash,
        images.perceptual_hash,
        bits=params.near_duplicate_bits,
    )
    images = images.assign(group=group, split=_assign(images, group, params))
    check_not_empty(images, list(params.fractions))
    check_sides(images, policy=params.policy)
    manifest = _manifest(images, params)
    unreadable = side_of_unreadable(
        QUARANTINE.read(validate), images, params.fractions, seed=params.seed
    )

    with whole_folder(out) as draft:
        SPLITS.write(images, draft)
        NOT_EVALUABLE.write(unreadable, draft)
        _counts(images).write(draft / "counts.json")
        manifest.write(draft / "manifest.json")
    if manifest.leaking_patients:
        log.warning(
            "split: policy case leaks, %d patient(s) on more than one side; the gate "
            "will refuse this model",
            manifest.leaking_patients,
        )
    told = ", ".join(f"{n.patients} {name}" for name, n in manifest.n.items())
    log.info("split: %s patients, split %s", told, manifest.hash[:12])


def side_counts(images: pd.DataFrame) -> SideCounts:
    """Count what stands on one side.

    Args:
        images: its SPLITS rows.
    """
    return SideCounts(
        images=len(images),
        studies=images.study_id.nunique(),
        patients=images.patient_id.nunique(),
        abnormal_studies=images[images.abnormal].study_id.nunique(),
    )


def _assign(images: pd.DataFrame, group: pd.Series, params: SplitParams) -> pd.Series:
    if params.policy == "case":
        return assign_cases(images.image_id, params.fractions, seed=params.seed)
    return assign_patients(images, group, params.fractions, seed=params.seed)


def _manifest(images: pd.DataFrame, params: SplitParams) -> SplitManifest:
    test = images[images.split == "test"]
    return SplitManifest(
        policy=params.policy,
        seed=params.seed,
        hash=split_hash(images.image_id, images.split),
        test_hash=split_hash(test.image_id, test.split),
        n={
            name: side_counts(images[images.split == name]) for name in params.fractions
        },
        groups_of_several_patients=int(
            (images.groupby("group").patient_id.nunique() > 1).sum()
        ),
        leaking_patients=len(leaking_patients(images.patient_id, images.split)),
    )


def _counts(images: pd.DataFrame) -> StratumCounts:
    """Count images per split in each stratum, for people who check the balance."""
    answer = images.abnormal.map({True: "ASF", False: "NSF"})
    table = images.groupby([answer + " " + images["view"], "split"]).size()
    return StratumCounts(
        {
            str(stratum): {str(name): int(n) for (_, name), n in part.items()}
            for stratum, part in table.groupby(level=0)
        }
    )
