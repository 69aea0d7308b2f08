"""One film of an export: read within limits, de-identified, looked at, written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cxrmlops.data.image_list import to_open
from cxrmlops.dicom.deidentification.objects import (
    Film,
    deidentified_film,
    write_object,
)
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.read.headers import DicomFile
from cxrmlops.dicom.read.pixels import display_picture
from cxrmlops.dicom.read.source import opened
from cxrmlops.export.burned_in_text import Word, full_range, suspicious_words
from cxrmlops.system.errors import Rejected, WithheldError
from cxrmlops.system.files import sha256_file, whole

EXPORTED, COPY, HELD, REFUSED = "exported", "copy", "held", "refused"
SHOWN_SIDE = 1024  # longest side of a picture that a person looks at, pixels


@dataclass(frozen=True)
class FileJob:
    """A film to export, and where to."""

    path: Path  # as shown, see `image_list.to_open`
    content: str  # SHA-256 of the file; "" of one that could not be read
    names: Pseudonyms
    send: Path  # folder of what may leave
    look: Path  # folder of pictures that a person looks at
    cleared: frozenset[str] = frozenset()  # exported UIDs that a person let through


@dataclass(frozen=True)
class FileDone:
    """What became of it."""

    outcome: str
    file: str = ""  # below `send`; of a film that is held, where it would lie
    sha256: str = ""  # of what was written
    patient: str = ""  # pseudonym
    why: str = ""  # a plain sentence, no identity in it
    words: tuple[Word, ...] = ()  # that were read; they may name somebody
    picture: str = ""  # below `look`


def export_film(job: FileJob) -> FileDone:
    """Export one film, or say why not."""
    try:
        return _export(job)
    except WithheldError as withheld:
        return FileDone(REFUSED, why=str(withheld))
    except Rejected as rejected:
        why = f"it cannot be read ({rejected.reason}: {rejected.detail})"
        return FileDone(REFUSED, why=why)


def place(study_uid: str, sop_uid: str) -> str:
    """Name an object's file below the folder that leaves, by pseudonyms."""
    return f"{study_uid}/{sop_uid}.dcm"


def _export(job: FileJob) -> FileDone:
    film = _film(job)
    made = film.dataset
    file = place(made.StudyInstanceUID, made.SOPInstanceUID)
    if made.SOPInstanceUID not in job.cleared and (held := _look(film, job, file)):
        return held
    write_object(made, job.send / file)
    digest = sha256_file(job.send / file)
    return FileDone(EXPORTED, file, digest, patient=made.PatientID)


def _film(job: FileJob) -> Film:
    with opened(to_open(job.path)) as source:
        if source.content() != job.content:
            raise WithheldError("it changed while the export ran; run it again")
        return deidentified_film(DicomFile(source).with_pixels(), job.names)


def _look(film: Film, job: FileJob, file: str) -> FileDone | None:
    """Look for identity in header and pixels; None: there is none to be seen."""
    shown = _as_shown(film)
    words = suspicious_words([shown, full_range(film.stored)])
    reasons = [
        f"the value of its {film.left_over} would stand in the copy, too"
        if film.left_over
        else "",
        "words may be in its pixels" if words else "",
    ]
    if not any(reasons):
        return None
    name = f"{film.dataset.SOPInstanceUID}.png"
    _save_picture(shown, job.look / name)
    return FileDone(
        HELD,
        file,
        patient=film.dataset.PatientID,
        why="; ".join(filter(None, reasons)),
        words=tuple(words),
        picture=name,
    )


def _as_shown(film: Film) -> np.ndarray:
    """Render what was written, as a reader sees it: shape (rows, columns), uint8."""
    image = display_picture(film.dataset).image
    return np.asarray(np.rint(255 * image), np.uint8)


def _save_picture(shown: np.ndarray, path: Path) -> None:
    made = Image.fromarray(shown)
    made.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    with whole(path, private=True) as draft:
        made.save(draft, format="PNG")
