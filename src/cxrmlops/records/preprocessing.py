"""What the stage `preprocess` writes beside shards and index."""

from typing import ClassVar

from cxrmlops.records.record import Record
from cxrmlops.vocabulary.scope import Scope


class Preprocessing(Record):
    """Policy and hash of the pixels, with counts."""

    file: ClassVar[str] = "preprocess/preprocessing.json"

    hash: str  # of the policy and the size, 64 hex digits
    size: int  # pixels per side of the square
    scope: Scope  # which images the cohort accepts
    n: int  # films that were decoded
    rejected: dict[str, int]  # reason -> films
