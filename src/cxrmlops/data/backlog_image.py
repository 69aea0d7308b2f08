"""One file of the backlog: header, acceptance, pixels; all but the network."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cxrmlops.data.image_file import ImageFile
from cxrmlops.data.image_list import list_images, to_open
from cxrmlops.data.preprocess import (
    image_statistics,
    network_square,
    reading_picture,
)
from cxrmlops.dicom.identity import derived_uid, is_uid
from cxrmlops.dicom.read.headers import ImageHeader, read_identity
from cxrmlops.dicom.read.patient import Patient
from cxrmlops.dicom.read.pixels import Picture
from cxrmlops.dicom.read.source import Limits, Source, opened
from cxrmlops.system.errors import DataError, Rejected
from cxrmlops.system.files import whole
from cxrmlops.vocabulary.reasons import Kind, reason_kind
from cxrmlops.vocabulary.scope import Scope
from cxrmlops.vocabulary.watched import UNKNOWN, age_band

UNREADABLE = ("", "", "")  # SOP and Study Instance UID, Patient ID
READING_SIDE = 1024  # longest side of the stored reading picture, pixels
WHITE = 0.98  # from here on a pixel is taken for clipped
CLIPPED = 0.35  # of all pixels white: the display window cuts off what matters


@dataclass(frozen=True)
class ImageRequest:
    """A file to read, and how."""

    number: int  # names its reading picture
    path: Path  # as shown, see `image_list.to_open`
    size: int  # pixels per side of the network's square
    pictures: Path  # folder for reading pictures
    scope: Scope


@dataclass(frozen=True)
class ImageRead:
    """What a file turned out to be.

    `square` is None for a rejected one; `row` holds the columns of SCORED_IMAGES that
    need no network.
    """

    row: dict[str, object]
    square: np.ndarray | None  # (size, size) uint8
    accession_number: str
    study_date: str  # YYYYMMDD or ""
    patient: Patient | None = None  # None: the header says nothing
    mtime_ns: int = 0  # of the file
    # columns of WATCHED that need no network
    watched: Mapping[str, object] = field(default_factory=dict)


def list_backlog(at: Path, *, skip: Sequence[Path] = ()) -> list[Path]:
    """List the files to read: one file, or all below a folder, sorted.

    Args:
        at: file or folder.
        skip: folders that may lie there and hold results, not films.

    Raises:
        DataError: there is nothing at that place.
    """
    if at.is_file():
        return [at]
    if not at.is_dir():
        raise DataError(
            f"there is no file or folder {at} here ({Path.cwd()}); name a film, or a "
            "folder of films"
        )
    return [at / image.path for image in list_images(at, skip=skip)]


def image_identity(path: Path) -> tuple[str, str, str, str]:
    """Return SOP and Study Instance UID, Patient ID, and the content of the file.

    The content is a SHA-256, 64 hex digits; "" of a file that cannot be read or is too
    large. The others are `UNREADABLE` if it is no film.
    """
    content = ""
    try:
        with opened(to_open(path)) as source:
            content = source.content()
            header = read_identity(source)
    except Rejected:
        return *UNREADABLE, content
    study = header.study_instance_uid
    return header.sop_instance_uid, study, header.patient_id, content


def read_backlog_image(request: ImageRequest) -> ImageRead:
    """Read one file and write its header and reading picture; a bad file is a result.

    The file is opened once: what is read is what the content is the hash of.
    """
    there = to_open(request.path)
    read = _Reading()
    try:
        with opened(there, limits=Limits.of(request.scope)) as source:
            read.content = source.content()
            read.mtime_ns = os.fstat(source.raw.fileno()).st_mtime_ns
            _read(source, read, request.scope)
    except Rejected as rejected:
        read.rejected = rejected
    return _image_read(request, read)


@dataclass
class _Reading:
    """What is known of a file so far."""

    content: str = ""
    mtime_ns: int = 0
    image: ImageFile | None = None
    header: bytes = b""  # as it stands in the file; none of a PNG or JPEG
    picture: Picture | None = None
    rejected: Rejected | None = None


def _read(source: Source, read: _Reading, scope: Scope) -> None:
    read.image = image = ImageFile(source, scope)
    read.header = image.header_bytes()
    image.accept()
    _check_identity(image.header)
    read.picture = image.picture()


def empty_row(path: Path) -> dict[str, object]:
    """Return a row of SCORED_IMAGES for a file nothing is known about."""
    return {
        "path": str(path),
        "content": "",
        "header": "",
        "sop_instance_uid": "",
        "sop_class_uid": "",
        "series_instance_uid": "",
        "study_instance_uid": "",
        "view": "unknown",
        "rows": 0,
        "columns": 0,
        "voi": "",
        "pixel_hash": "",
        "distance": float("nan"),
    } | unanswered()


def unanswered() -> dict[str, object]:
    """Return the columns of SCORED_IMAGES that speak of the answer, without one."""
    return {
        "outcome": "rejected",
        "reason": "",
        "detail": "",
        "logit": float("nan"),
        "probability": float("nan"),
        "quality": "unusable",
        "evidence": b"",
        "evidence_rows": 0,
        "evidence_columns": 0,
        "placement": "",
        "picture": "",
    }


def _check_identity(header: ImageHeader | None) -> None:
    """Refuse a film that no report could refer to; a plain picture gets none."""
    if header is None:
        return
    for name, uid in (
        ("SOP", header.sop_instance_uid),
        ("Study", header.study_instance_uid),
        ("Series", header.series_instance_uid),
    ):
        if not is_uid(uid):
            raise Rejected("no_identity", f"{name} Instance UID is missing or no UID")


def _legal(uid: str) -> str:
    """Return a UID back, or "" if it is none: what is refused may hold anything."""
    return uid if is_uid(uid) else ""


def _image_read(request: ImageRequest, read: _Reading) -> ImageRead:
    header = read.image.header if read.image else None
    row = empty_row(request.path) | _identity(header, read.picture)
    row |= {"content": read.content, "header": _store_header(request, read)}
    square = None
    if read.rejected:
        row |= {"reason": read.rejected.reason, "detail": read.rejected.detail}
    elif read.picture:
        square, told = _prepared(read.picture, request)
        row |= told
    date = header.study_date if header else None
    return ImageRead(
        row,
        square,
        accession_number=header.accession_number if header else "",
        study_date=f"{date:%Y%m%d}" if date else "",
        patient=read.image.patient if read.image else None,
        mtime_ns=read.mtime_ns,
        watched=_watched(header, read.picture),
    )


def _watched(header: ImageHeader | None, picture: Picture | None) -> dict[str, object]:
    """Say what the watch compares: header in words, grey values in numbers."""
    found: dict[str, object] = {}
    if header is not None:
        found = {
            "manufacturer": header.manufacturer or UNKNOWN,
            "view": header.view,
            "portable": header.portable,
            "sex": header.sex,
            "age_band": age_band(header.age_years),
            "rows": header.rows,
        }
    if picture is not None:
        found |= {
            "photometric_interpretation": picture.photometric_interpretation,
            "voi": picture.voi,
            "rows": picture.image.shape[0],
        } | image_statistics(picture.image)
    return found


def _prepared(
    picture: Picture, request: ImageRequest
) -> tuple[np.ndarray, dict[str, object]]:
    """Make the network's square, and the columns that speak of the picture."""
    square, placement = network_square(picture.image, size=request.size)
    quality, why = judge_quality(picture, size=request.size)
    return square, {
        "detail": "; ".join([*filter(None, [why]), *picture.notes]),
        "voi": picture.voi,
        "pixel_hash": picture.pixel_hash,
        "quality": quality,
        "placement": placement.to_json(),
        "picture": _store(picture, request),
    }


def _store_header(request: ImageRequest, read: _Reading) -> str:
    """Keep what a report copies from the film; "" if none can be made."""
    reason = read.rejected.reason if read.rejected else ""
    if not read.header or (reason and reason_kind(reason) is not Kind.NOT_EVALUABLE):
        return ""
    name = f"{request.number:06d}.dcm"
    with whole(request.pictures / name, private=True) as draft:
        draft.write_bytes(read.header)
    return f"{request.pictures.name}/{name}"


def _identity(header: ImageHeader | None, picture: Picture | None) -> dict[str, object]:
    """Name the film; a plain picture is named after its pixels and is its own study."""
    if header is not None:
        return {
            "sop_instance_uid": _legal(header.sop_instance_uid),
            "sop_class_uid": _legal(header.sop_class_uid),
            "series_instance_uid": _legal(header.series_instance_uid),
            "study_instance_uid": _legal(header.study_instance_uid),
            "view": header.view,
            "rows": header.rows,
            "columns": header.columns,
        }
    if picture is None:
        return {}
    rows, columns = picture.image.shape
    return {
        "sop_instance_uid": derived_uid("picture", [picture.pixel_hash], ""),
        "study_instance_uid": derived_uid("picture-study", [picture.pixel_hash], ""),
        "rows": rows,
        "columns": columns,
    }


def judge_quality(picture: Picture, *, size: int) -> tuple[str, str]:
    """Judge whether the film shows what the network needs: ok or limited, and why."""
    if max(picture.image.shape) < size:
        return "limited", f"smaller than the network's {size} pixels"
    if np.count_nonzero(picture.image > WHITE) > CLIPPED * picture.image.size:
        return "limited", f"more than {CLIPPED:.0%} of the film is white"
    return "ok", ""


def _store(picture: Picture, request: ImageRequest) -> str:
    name = f"{request.number:06d}.npy"
    content = io.BytesIO()  # NumPy itself would not say that the disk is full
    np.save(content, reading_picture(picture.image, longest_side=READING_SIDE))
    with whole(request.pictures / name) as draft:
        draft.write_bytes(content.getbuffer())
    return f"{request.pictures.name}/{name}"
