"""What the stage `train` notes of the code and packages that it ran on."""

from typing import ClassVar, Literal

from cxrmlops.records.record import Record
from cxrmlops.system.files import sha256_json


class Origin(Record):
    """Commit, uncommitted changes and packages, as they were when training began.

    Beside the bundle, not in it: who trains again, from another commit that does the
    same, gets the same bytes.
    """

    file: ClassVar[str] = "train/origin.json"

    git_commit: str  # 40 hex digits; "" where git names none
    git_dirty: Literal["yes", "no", "unknown", "unreadable"]  # unknown: no checkout
    code: dict[str, str]  # stage up to train -> hash of what its code does
    environment: tuple[str, ...]  # Python, platform, one package a line

    @property
    def environment_text(self) -> str:
        """Return the list of packages as the lines of a file."""
        return "\n".join([*self.environment, ""])

    @property
    def environment_hash(self) -> str:
        """Hash the list of packages: 64 hex digits."""
        return sha256_json(self.environment_text)


UNTOLD = Origin(git_commit="", git_dirty="unknown", code={}, environment=())
