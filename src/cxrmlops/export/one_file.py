"""One file of an export: read within limits, de-identified, looked at, written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cxrmlops.data.image_list import to_open
from cxrmlops.dicom.deidentification.objects import (
    Film,
    deidentified_film,
    deidentified_result,
    write_object,
)
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.read.headers import read_whole
from cxrmlops.dicom.read.pixels import display_picture
from cxrmlops.export.burned_in_text import Word, full_range, suspicious_words
from cxrmlops.system.errors import Rejected, WithheldError
from cxrmlops.system.files import sha256_file, whole

EXPORTED, HELD, REFUSED = "exported", "held", "refused"
FILM = "film"
SHOWN_SIDE = 1024  # longest side of a picture that a person looks at, pixels


@dataclass(frozen=True)
class FileJob:
    """A file to export, and where to."""

    path: Path  # as shown, see `image_list.to_open`
    kind: str  # film, report or overlay
    names: Pseudonyms
    send: Path  # folder of what may leave
    look: Path  # folder of pictures that a person looks at
    cleared: frozenset[str] = frozenset()  # exported UIDs that a person let through


@dataclass(frozen=True)
class FileDone:
    """What became of it."""

    outcome: str
    file: str = ""  # below `send`; of a film that is held, where it would lie
    sha256: str = ""
    patient: str = ""  # pseudonyms
    why: str = ""  # a plain sentence, no identity in it
    words: tuple[Word, ...] = ()  # that were read; they may name somebody
    picture: str = ""  # below `look`


def export_file(job: FileJob) -> FileDone:
    """Export one file, or say why not; one that is there already is left as it is."""
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
    source = read_whole(to_open(job.path))
    film = None
    if job.kind == FILM:
        film = deidentified_film(source, job.names)
        made = film.dataset
    else:
        made = deidentified_result(source, job.names)
    file = place(made.StudyInstanceUID, made.SOPInstanceUID)
    if film and made.SOPInstanceUID not in job.cleared:
        held = None if (job.send / file).exists() else _look(film, job, file)
        if held:
            return held
    if not (job.send / file).exists():
        write_object(made, job.send / file)
    digest = sha256_file(job.send / file)
    return FileDone(EXPORTED, file, digest, patient=made.PatientID)


def _look(film: Film, job: FileJob, file: str) -> FileDone | None:
    """Look for words; None: there are none."""
    shown = _as_shown(film)
    words = suspicious_words([shown, full_range(film.stored)])
    if not words:
        return None
    name = f"{film.dataset.SOPInstanceUID}.png"
    _save_picture(shown, job.look / name)
    return FileDone(
        HELD,
        file,
        patient=film.dataset.PatientID,
        why="words may be in its pixels",
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
