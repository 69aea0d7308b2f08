"""Report XML in a folder or an archive, read without unpacking and without trust."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from cxrmlops.system.errors import DataError

MAX_BYTES = 1024**2  # of one report; the largest of Open-i has 22 KiB


@dataclass(frozen=True)
class XmlReport:
    """What one report's XML says about its label and its films."""

    number: str  # e.g. CXR1
    codes: tuple[str, ...]  # major codes, as given
    images: tuple[str, ...]  # parentImage id, e.g. CXR1_1_IM-0001-3001


def read_reports(path: Path) -> list[XmlReport]:
    """Read all Open-i reports of a folder, .tgz, .tar or .zip, sorted by number.

    XML of another kind is passed over.

    Raises:
        DataError: not readable, not XML, or XML that declares entities or a document
            type, which a report never does.
    """
    reports, broken = [], []
    for name, data in _members(path):
        try:
            report = _parse(data)
        except (ElementTree.ParseError, ValueError):
            broken.append(PurePosixPath(name).name)
            continue
        if report is not None:
            reports.append(report)
    if broken:
        raise DataError(
            f"{path}: {len(broken)} report(s) are not plain XML; fix or remove them",
            sorted(broken),
        )
    if not reports:
        raise DataError(
            f"{path} holds no Open-i report (eCitation XML); name the folder or "
            "archive of reports in site.yaml: reports"
        )
    return sorted(reports, key=lambda report: report.number)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each XML file, nothing larger than MAX_BYTES."""
    try:
        if path.is_dir():
            yield from _of_folder(path)
        elif zipfile.is_zipfile(path):
            yield from _of_zip(path)
        else:
            yield from _of_tar(path)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
    ) as error:
        raise DataError(
            f"{path} cannot be read as a folder, .tgz, .tar or .zip of reports "
            f"({type(error).__name__}); copy it again"
        ) from None


def _of_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.rglob("*.xml")):
        with file.open("rb") as stream:
            yield file.name, stream.read(MAX_BYTES + 1)


def _of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".xml"):
                with archive.open(entry) as stream:
                    yield entry.filename, stream.read(MAX_BYTES + 1)


def _of_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isreg() and entry.name.endswith(".xml"):
                stream = archive.extractfile(entry)
                yield entry.name, stream.read(MAX_BYTES + 1) if stream else b""


def _parse(data: bytes) -> XmlReport | None:
    # A document type may declare entities that grow without bound; NUL bytes would
    # hide one in UTF-16.
    if (
        len(data) > MAX_BYTES
        or b"<!DOCTYPE" in data
        or b"<!ENTITY" in data
        or b"\0" in data
    ):
        raise ValueError("not a plain report")
    root = ElementTree.fromstring(data)
    if root.tag != "eCitation":
        return None
    number = root.find("uId")
    named = number.get("id", "").strip() if number is not None else ""
    if not named:
        raise ValueError("a report without a number")
    majors = (element.text or "" for element in root.findall("MeSH/major"))
    images = (image.get("id", "") for image in root.findall("parentImage"))
    return XmlReport(
        number=named,
        codes=tuple(" ".join(code.split()) for code in majors if code.strip()),
        images=tuple(image for image in images if image),
    )
