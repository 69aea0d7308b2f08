"""Hand finished DICOM files to whoever shows them. Called by flows, never by stages."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cxrmlops.errors import ParamsError, ServiceError
from cxrmlops.files import sha256_file, whole

PRESENT = "present"  # receipt of what was there before


class Archive(Protocol):
    """Somewhere DICOM files go."""

    def has(self, uid: str) -> bool:
        """Say whether an object with this SOP Instance UID is there already.

        Raises:
            ServiceError: the archive did not answer; safe to repeat.
        """

    def store(self, file: Path) -> str:
        """Store one file, named by its SOP Instance UID; give the receipt.

        Raises:
            ServiceError: the archive did not take the file; safe to repeat.
        """


class Folder:
    """An archive that is a folder: for tests, demos and shadow mode."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, uid: str) -> bool:
        """Look for the file."""
        return (self._path / f"{uid}.dcm").exists()

    def store(self, file: Path) -> str:
        """Copy the file, whole or not at all; the receipt is its hash."""
        try:
            with whole(self._path / file.name) as draft:
                shutil.copyfile(file, draft)
                return f"sha256:{sha256_file(draft)}"
        except OSError as error:
            raise ServiceError(
                f"the archive folder did not take a file ({error.strerror}); "
                "mend it and run again: nothing is lost"
            ) from None


KINDS: dict[str, Callable[[str], Archive]] = {
    "folder": lambda where: Folder(Path(where))
}


@dataclass(frozen=True)
class Delivered:
    """What became of a set of files."""

    stored: int
    present: int  # were there before, hence not sent again


def deliver(
    files: Iterable[Path], archive: Archive, *, receipt: Callable[[str, str], None]
) -> Delivered:
    """Store every file that the archive does not have yet.

    Args:
        files: DICOM files named `<SOP Instance UID>.dcm`.
        archive: where they go.
        receipt: told UID and receipt after each file, so that a kill costs one at most.
    """
    stored = present = 0
    for file in files:
        if archive.has(file.stem):
            present += 1
            receipt(file.stem, PRESENT)
        else:
            receipt(file.stem, archive.store(file))
            stored += 1
    return Delivered(stored=stored, present=present)


def open_archive(address: str) -> Archive:
    """Open `folder:<path>`; a setting is text, an archive is an object.

    Raises:
        ParamsError: no such kind of archive, or no place after the kind.
    """
    kind, _, where = address.partition(":")
    if kind not in KINDS or not where:
        expected = " or ".join(f"{known}:..." for known in KINDS)
        raise ParamsError(
            f"the archive's address starts with '{kind[:20]}'; expected {expected} "
            "in site.yaml: archive, or in CXR_ARCHIVE"
        )
    return KINDS[kind](where)
