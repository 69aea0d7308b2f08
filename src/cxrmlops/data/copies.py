"""
Copies of a film, and films that only claim to be one.

Within a study a SOP Instance UID names one picture. The same picture twice is a copy:
one of them is read, the newest if their headers differ. Two pictures under one UID are
a conflict: nobody can tell which one the UID means, so neither is read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxrmlops.data.backlog_image import unanswered
from cxrmlops.dicom.read.patient import Patient, name_two_people
from cxrmlops.vocabulary.reasons import Kind, reason_kind

REPLACED = "replaced"  # reason of a copy whose header is out of date

Row = dict[str, Any]  # of SCORED_IMAGES


class Copies:
    """Remembers the films of a run, so that a copy is not scored twice."""

    def __init__(self) -> None:
        self._by_uid: dict[tuple[str, str], Row] = {}  # study, SOP UID -> film read
        self._by_pixels: dict[tuple[str, str], Row] = {}  # study, pixel hash -> film
        self._ages: dict[str, int] = {}  # path -> mtime, ns
        self._conflicts: list[Row] = []

    def refuse(self, row: Row, folder: Path, *, mtime_ns: int) -> bool:
        """Turn a copy's row into a rejection; of equal ones the first stays.

        A copy with another header that is newer gives its header to the film that is
        read: their pictures are the same.

        Args:
            row: of a film that was read; changed if it is a copy.
            folder: of the run; a copy's reading picture is removed.
            mtime_ns: of the file.
        """
        self._ages[row["path"]] = mtime_ns
        uid = (row["study_instance_uid"], row["sop_instance_uid"])
        pixels = (row["study_instance_uid"], row["pixel_hash"])
        other = self._by_uid.setdefault(uid, row)
        if other is not row and other["pixel_hash"] != row["pixel_hash"]:
            self._conflicts += [other, row]
            strike(row, folder, "uid_conflict", "same SOP Instance UID, other pixels")
            return True
        twin = self._by_pixels.setdefault(pixels, row) if other is row else other
        if twin is row:
            return False
        self._strike_copy(twin, row, folder)
        return True

    def strike_conflicts(self, folder: Path) -> None:
        """Take the answer from films whose UID another picture has, too."""
        for row in self._conflicts:
            why = "same SOP Instance UID, other pixels"
            strike(row, folder, "uid_conflict", why)

    def _strike_copy(self, read: Row, copy: Row, folder: Path) -> None:
        same_uid = read["sop_instance_uid"] == copy["sop_instance_uid"]
        if not same_uid:
            why = "same pixels as an earlier file of the study"
            strike(copy, folder, "duplicate", why)
        elif read["content"] == copy["content"]:
            why = "same SOP Instance UID as an earlier file, the same pixels"
            strike(copy, folder, "duplicate", why)
        else:
            if self._ages[copy["path"]] > self._ages[read["path"]]:
                _exchange_headers(read, copy)
            strike(copy, folder, REPLACED, "same film with another header, older")


_HEADER = (
    "path",
    "content",
    "header",
    "sop_class_uid",
    "series_instance_uid",
    "view",
)


def _exchange_headers(one: Row, other: Row) -> None:
    for name in _HEADER:
        one[name], other[name] = other[name], one[name]


def strike(row: Row, folder: Path, reason: str, detail: str) -> None:
    """Turn the row of a film that was read into a rejection.

    Its picture goes, and the header that no report needs.
    """
    for kept in ("picture", "header"):
        is_needed = kept == "header" and reason_kind(reason) is Kind.NOT_EVALUABLE
        if row[kept] and not is_needed:
            (folder / row[kept]).unlink(missing_ok=True)
            row[kept] = ""
    row |= unanswered() | {"reason": reason, "detail": detail}


def refuse_mixed_studies(
    rows: Sequence[Row], patients: Mapping[str, Patient | None], folder: Path
) -> None:
    """Give no answer to a study whose files name two patients.

    Two copies of one film count, too: a later date does not say which of them is right.

    Args:
        rows: of a run; those of such a study are changed, the rejected ones, too: what
            is reported about it would stand under one of the two.
        patients: path -> whom the film's header names; None: nobody.
        folder: of the run.
    """
    studies: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        studies[row["study_instance_uid"]].append(row)
    studies.pop("", None)
    for images in studies.values():
        named = [patients[image["path"]] for image in images]
        if name_two_people([patient for patient in named if patient]):
            for image in images:
                was = image["reason"]
                why = f"else: {was}" if was else ""
                strike(image, folder, "patient_mismatch", why)
