"""Hand finished DICOM files to whoever shows them. Called by flows, never by stages."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cxrmlops.dicom.archive.login import RESULTS, SOURCE, Login
from cxrmlops.dicom.archive.transfer import Archive, RemoteImage
from cxrmlops.system.errors import ParamsError, RefusedError, ServiceError
from cxrmlops.system.files import sha256_file, whole

PRESENT = "present"  # receipt of what was there before


class Folder:
    """An archive that is a folder: for tests, demos and results in shadow.

    It has nothing to ask for: films lie in the backlog already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Be there: the folder is made when something is stored."""

    def find_studies(self, modality: str, first: date, last: date) -> set[str]:
        """Have none."""
        return set()

    def find_images(self, study_uid: str) -> list[RemoteImage]:
        """Have none."""
        return []

    def fetch(self, image: RemoteImage, place: Path, *, max_bytes: int) -> None:
        """Have none."""
        raise ServiceError(
            "a folder as archive gives no films; put them in the backlog"
        )

    def has(self, file: Path) -> bool:
        """Look for the file."""
        return (self._path / file.name).exists()

    def store(self, file: Path) -> str:
        """Copy the file, whole or not at all; the receipt is its hash."""
        try:
            with whole(self._path / file.name, private=True) as draft:
                shutil.copyfile(file, draft)
                return f"sha256:{sha256_file(draft)}"
        except OSError as error:
            raise ServiceError(
                f"the archive folder did not take a file ({error.strerror}); "
                "fix it and run again: nothing is lost"
            ) from None


def _dicomweb(where: str, login: Login) -> Archive:
    from cxrmlops.dicom.archive.dicomweb import DicomWeb  # requests and co., if needed

    return DicomWeb(where, login)


def _dimse(where: str, _: Login) -> Archive:
    from cxrmlops.dicom.archive.dimse import Dimse  # pynetdicom takes half a second
    from cxrmlops.dicom.archive.dimse_address import read_address

    return Dimse(read_address(where))


KINDS: dict[str, Callable[[str, Login], Archive]] = {
    "folder": lambda where, _: Folder(Path(where)),
    "dicomweb": _dicomweb,
    "dimse": _dimse,
}


@dataclass(frozen=True)
class Delivered:
    """What became of a set of files."""

    stored: int
    present: int  # were there before, hence not sent again
    refused: dict[str, str]  # SOP Instance UID -> why it will never be taken


def deliver(
    files: Iterable[Path], archive: Archive, *, receipt: Callable[[str, str], None]
) -> Delivered:
    """Store every file that the archive does not have yet.

    Args:
        files: DICOM files named `<SOP Instance UID>.dcm`.
        archive: where they go.
        receipt: told UID and receipt after each file, so that a kill costs one at most.

    Raises:
        ServiceError, AccessError: as the archive does; what is stored has its receipt.
    """
    stored = present = 0
    refused: dict[str, str] = {}
    for file in files:
        if archive.has(file):
            present += 1
            receipt(file.stem, PRESENT)
            continue
        try:
            receipt(file.stem, archive.store(file))
            stored += 1
        except RefusedError as error:
            refused[file.stem] = str(error)
    return Delivered(stored=stored, present=present, refused=refused)


def open_archive(address: str, *, source: str | None = None) -> Archive:
    """Open the archive at an address; nothing is sent yet.

    Args:
        address: `folder:<path>`, `dicomweb:https://host[:port]/root`, or
            `dimse:CALLED@host:port?...` (see `dicom.dimse_address`).
        source: where images come from; an archive elsewhere has a login of its own.
            None: it is the same.

    Raises:
        ParamsError: no such kind of archive, or no place after the kind.
    """
    kind, _, where = address.partition(":")
    if kind not in KINDS or not where:
        expected = ", ".join(f"{known}:..." for known in KINDS)
        raise ParamsError(
            f"the archive's address starts with '{kind[:20]}'; expected one of "
            f"{expected} in site.yaml: archive, or in CXR_ARCHIVE"
        )
    return KINDS[kind](where, SOURCE if source in (None, address) else RESULTS)
