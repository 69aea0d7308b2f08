"""
What every road to an archive has in common. The roads: `dicomweb.py`, `dimse.py`.

Nothing that an archive sends is trusted: it may be late, too long, somebody else's, or
no DICOM at all.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.headers import read_header
from cxrmlops.system.errors import AccessError, RefusedError, ServiceError

MODALITIES = ("DX", "CR")  # asked one by one: lists mean different things to servers

# Status of C-STORE (PS3.4 B.2.3, PS3.7 C), FailureReason of STOW (PS3.18 I.2)
_DUPLICATE = 0x0111
_NOT_AUTHORISED = 0x0124
_REPEATABLE = (0x0110, 0xC122)  # processing failure; busy
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_WARNINGS = range(0xB000, 0xC000)


@dataclass(frozen=True)
class RemoteImage:
    """An image that an archive holds."""

    study_uid: str
    series_uid: str
    sop_uid: str
    header: Dataset  # what the archive told
    is_complete: bool  # else an attribute that is absent says nothing

    @property
    def file_name(self) -> str:
        """Name a file for it; a UID from outside is no name for a file."""
        return f"{name_of(self.sop_uid)}.dcm"


class Archive(Protocol):
    """Somewhere films come from and DICOM objects go."""

    def check(self) -> None:
        """See whether it is there and lets us in.

        Raises:
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """

    def find_studies(self, modality: str, first: date, last: date) -> set[str]:
        """Return the UIDs of studies of these days, first and last included.

        Raises:
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """

    def find_images(self, study_uid: str) -> list[RemoteImage]:
        """List the images in the CR and DX series of a study.

        Raises:
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """

    def fetch(self, image: RemoteImage, place: Path, *, max_bytes: int) -> None:
        """Write the image to a file, encoded as the archive stores it.

        Raises:
            Rejected: `too_large`.
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """

    def has(self, file: Path) -> bool:
        """Return whether the object in this file is there already.

        Raises:
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """

    def store(self, file: Path) -> str:
        """Store one file, named by its SOP Instance UID; give the receipt.

        Raises:
            RefusedError: it will never take this file.
            ServiceError: it does not answer; safe to repeat.
            AccessError: it does not let us in.
        """


@dataclass(frozen=True)
class Uids:
    """Where an object belongs."""

    study: str
    series: str
    sop: str
    sop_class: str


def read_uids(file: Path) -> Uids:
    """Read from our own file where it belongs."""
    header = read_header(file)
    return Uids(
        study=text(header, "StudyInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        sop=text(header, "SOPInstanceUID"),
        sop_class=text(header, "SOPClassUID"),
    )


def name_of(uid: str) -> str:
    """Name a file or folder after a UID: 32 hex digits."""
    return hashlib.sha256(uid.encode()).hexdigest()[:32]


def judge_status(status: int, *, where: str) -> str:
    """Turn what an archive says of one object of ours into a receipt.

    Args:
        status: 16 bits, of C-STORE or of STOW's FailureReason and WarningReason.
        where: the archive, as a person may see it.

    Returns:
        The receipt: stored, stored with a warning, or there before.

    Raises:
        RefusedError, ServiceError, AccessError: not stored.
    """
    said = f"status {status:04X}H"
    if status == 0:
        return f"stored, {said}"
    if status in _WARNINGS:
        return f"stored with a warning, {said}"
    if status == _DUPLICATE:
        return f"present, {said}"
    if status in _REPEATABLE or status in _OUT_OF_RESOURCES:
        raise ServiceError(
            f"the archive at {where} could not take an object now ({said}); nothing is "
            "lost, run again"
        )
    if status == _NOT_AUTHORISED:
        raise AccessError(
            f"the archive at {where} does not allow us to store ({said}); ask its "
            "owner for the right to store, then run again"
        )
    raise RefusedError(
        f"the archive at {where} refused an object for good ({said}, see PS3.4 B.2.3); "
        "ask its owner why, then: cxrmlops backlog"
    )
