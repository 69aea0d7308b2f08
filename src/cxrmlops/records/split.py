"""What the stage `split` writes beside its tables."""

from typing import ClassVar

from pydantic import RootModel

from cxrmlops.records.record import JsonFile, Part, Record


class SideCounts(Part):
    """How much stands on one side of the split."""

    images: int
    studies: int
    patients: int
    abnormal_studies: int  # ASF


class SplitManifest(Record):
    """Policy, seed and hashes of the split and of its test set."""

    file: ClassVar[str] = "split/manifest.json"

    policy: str  # patient, or case: the source study's draw, which leaks
    seed: int
    hash: str  # of image and side of every film, 64 hex digits
    test_hash: str  # of those of test
    n: dict[str, SideCounts]  # train, val, test
    groups_of_several_patients: int  # who share a near-duplicate film
    leaking_patients: int  # on more than one side


class StratumCounts(JsonFile, RootModel[dict[str, dict[str, int]]]):
    """Answer and view -> side -> films, for people who check the balance."""

    file: ClassVar[str] = "split/counts.json"
