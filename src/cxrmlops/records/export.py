"""What an export holds, for whom, and by which rules; it names nobody."""

from typing import ClassVar

from pydantic import model_validator

from cxrmlops.records.record import Part, Record


class ExportedFile(Part):
    """An object that may leave."""

    file: str  # below to_send
    sha256: str


class ExportCounts(Part):
    """What became of what was asked for."""

    asked: int  # files of the studies asked for
    exported: int  # now or by a run before
    copies: int  # the same file again
    held: int  # something may name the patient: a person looks
    refused: int
    studies: int  # of which something is exported
    patients: int

    @model_validator(mode="after")
    def _balance(self) -> "ExportCounts":
        """Refuse counts that lose a file."""
        if self.asked != self.exported + self.copies + self.held + self.refused:
            raise ValueError("asked is not exported + copies + held + refused")
        return self


class ExportManifest(Record):
    """Lies beside the objects and goes with them; for whom it is stays here."""

    file: ClassVar[str] = "export/manifest.json"

    key_fingerprint: str  # of the recipient's pseudonyms
    policy: int  # raised when the rules change
    profile: tuple[str, ...]  # the profile and its options, PS3.16 CID 7050
    text_reader: str  # what looked for words in pixels, with its version
    studies: int
    patients: int
    files: tuple[ExportedFile, ...]


class ExportIdentity(Record):
    """For whom a folder is: written first, so that a second run fits the first."""

    file: ClassVar[str] = "export/export.json"

    recipient: str
    key_fingerprint: str
    policy: int
