"""
Headers of DICOM files, read within limits, before any pixel.

Files come from outside. Whatever they hold, reading one ends in a dataset whose every
value can be used, or in `Rejected`; time and memory are bounded by `Limits`.
"""

import datetime as dt
import hashlib
import io
import logging
import stat
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import STR_VR

from cxrmlops.dicom.read.age import age_years
from cxrmlops.dicom.read.attributes import (
    PICTURE_ATTRIBUTES,
    shown_number,
    study_date,
    text,
)
from cxrmlops.dicom.read.bounded_file import PIXELS, AttributeWatch, BoundedFile
from cxrmlops.dicom.read.projection import portable, view
from cxrmlops.errors import Rejected
from cxrmlops.scope import Scope

# Values are checked where they are used, and pydicom's words quote them: a warning or a
# log line with a patient's number must not arise.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="pydicom")

_PIXEL_VRS = (None, "OB", "OW", "UN")  # another makes a Python object of each pixel
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # item tags, little and big endian
_BYTES_PER_VALUE = 256  # of a value without parts, as the limit on values counts it
_NAMES = ("PatientID", "PatientName", "IssuerOfPatientID", "AccessionNumber", "StudyID")
_UNREAD = "\ufffd"  # what pydicom makes of bytes that a character set does not know
_CURE = "damaged, or of a kind that is not read; send it whole, or written anew"
_NO_VALUE = "does not convert"  # stands where a value was
_PIECE = 1 << 20  # bytes inflated at a time
_IDENTITY = tag_for_keyword("StudyInstanceUID")  # behind PatientID, SOP UID
_START = 16  # bytes, enough for every magic number that is looked for


@dataclass(frozen=True)
class Limits:
    """What one file may cost at most."""

    max_bytes: int = 256 * 1024**2  # of the file, and of its dataset once inflated
    max_pixels: int = 100_000_000  # rows x columns x frames
    max_nesting: int = 32  # sequences within sequences
    max_reads: int = 200_000  # parser steps, about three per attribute
    max_values: int = 200_000  # of all attributes together, items of sequences included
    max_inflation: int = 100  # times the size of a deflated dataset

    @classmethod
    def of(cls, scope: Scope) -> "Limits":
        """Take the limits on file and picture from a scope."""
        return cls(max_bytes=scope.max_bytes, max_pixels=scope.max_pixels)


LIMITS = Limits()


@dataclass(frozen=True)
class FilmHeader:
    """What the line wants to know about a film; "" where the file does not say."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    patient_id: str
    issuer_of_patient_id: str
    accession_number: str
    study_date: dt.date | None  # of the study, else of the acquisition
    view: str  # PA, AP, lateral or unknown
    portable: str  # yes, no or unknown
    sex: str  # F, M, O or unknown
    age_years: float  # NaN: unknown
    manufacturer: str
    modality: str
    rows: int  # 0: the file does not say
    columns: int
    bits_stored: int
    photometric_interpretation: str
    transfer_syntax_uid: str


@dataclass(frozen=True)
class Source:
    """A file or its bytes, opened once for whatever is then read of it."""

    raw: io.FileIO | io.BytesIO
    size: int  # bytes
    start: bytes  # the first bytes, which tell pictures from everything else

    def content(self) -> str:
        """Return the SHA-256 of all bytes, 64 hex digits; what reads next starts anew.

        Raises:
            Rejected: `unreadable`.
        """
        with reject_on_error("unreadable", "reading the file"):
            digest = hashlib.file_digest(self.raw, "sha256").hexdigest()
            self.raw.seek(0)
        return digest


@contextmanager
def opened(source: Path | bytes, *, limits: Limits = LIMITS) -> Iterator[Source]:
    """Open a file, or bytes that came some other way.

    Raises:
        Rejected: `unreadable` or `too_large`.
    """
    if isinstance(source, bytes):
        _check_size(len(source), limits)
        yield Source(io.BytesIO(source), len(source), source[:_START])
        return
    with reject_on_error("unreadable", "opening the file"):
        found = source.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Rejected("unreadable", "not a regular file")
        _check_size(found.st_size, limits)
        raw = io.FileIO(source)
    with raw:
        start = raw.read(_START)
        raw.seek(0)
        yield Source(raw, found.st_size, start)


class DicomFile:
    """A DICOM file, parsed once: its header now, its pixels when they are asked for.

    Files without preamble and file meta information are read too; their transfer
    syntax is then guessed and written into `file_meta`. Every value converts; those
    that did not are left out, and so are private attributes.
    """

    def __init__(
        self, source: Source, *, limits: Limits = LIMITS, last: int | None = None
    ) -> None:
        """Read up to the pixels, or the attribute `last`.

        Raises:
            Rejected: `unreadable`, `too_large` or `not_dicom`.
        """
        self._limits = limits
        with reject_on_error("unreadable", "reading the file"):
            file = BoundedFile(source.raw, source.size, limits.max_reads)
            self._watch = AttributeWatch(last=last)
            self._file, self.header = _parse(file, limits, self._watch)
            self._end = self._file.tell()  # of the header, in bytes
            _settle(self.header, limits)
        named = ("SOPClassUID", "Modality")
        if "Rows" not in self.header and not any(text(self.header, n) for n in named):
            raise Rejected("not_dicom", "no SOP Class UID, Modality or Rows")
        self._watch.check_header()

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file: `read_header` reads it the same.

        Of a deflated file its dataset, inflated.
        """
        here = self._file.tell()
        self._file.seek(0)
        found = self._file.read(self._end)
        self._file.seek(here)
        return found

    def with_pixels(self) -> Dataset:
        """Read on: the header with the pixels, still encoded.

        Raises:
            Rejected: `unreadable`, `undecodable` or `too_large`.
        """
        self._watch.check_pixels()
        with reject_on_error("unreadable", "reading the file"):
            implicit, little = self.header.original_encoding
            rest = read_dataset(self._file, implicit, little)
            _settle(rest, self._limits)
        if self._watch.has_pixels and not any(tag in rest for tag in PIXELS):
            raise Rejected("undecodable", "Pixel Data have no end, or a wrong type")
        self.header.update(rest)
        return self.header


def read_header(path: Path, *, limits: Limits = LIMITS) -> Dataset:
    """Read a file up to its pixels. See `DicomFile`."""
    with opened(path, limits=limits) as source:
        return DicomFile(source, limits=limits).header


def read_identity(source: Source, *, limits: Limits = LIMITS) -> FilmHeader:
    """Read no more of a header than tells study, patient and film apart.

    Raises:
        Rejected: `unreadable`, `too_large` or `not_dicom`.
    """
    with suppress(Rejected):
        found = describe(DicomFile(source, limits=limits, last=_IDENTITY).header)
        if found.study_instance_uid:
            return found
    source.raw.seek(0)  # no study is named, or attributes do not ascend
    return describe(DicomFile(source, limits=limits).header)


def read_whole(path: Path, *, limits: Limits = LIMITS) -> Dataset:
    """Read a file with its pixels, still encoded. See `DicomFile`."""
    with opened(path, limits=limits) as source:
        return DicomFile(source, limits=limits).with_pixels()


def describe(dataset: Dataset) -> FilmHeader:
    """Put a header's values into plain types."""
    sex = text(dataset, "PatientSex").upper()
    stated = view(dataset)
    meta: Dataset = getattr(dataset, "file_meta", Dataset())
    return FilmHeader(
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=text(dataset, "SOPClassUID"),
        series_instance_uid=text(dataset, "SeriesInstanceUID"),
        study_instance_uid=text(dataset, "StudyInstanceUID"),
        patient_id=text(dataset, "PatientID"),
        issuer_of_patient_id=text(dataset, "IssuerOfPatientID"),
        accession_number=text(dataset, "AccessionNumber"),
        study_date=study_date(dataset),
        view=stated,
        portable=portable(dataset, stated),
        sex=sex if sex in ("F", "M", "O") else "unknown",
        age_years=age_years(dataset),
        manufacturer=text(dataset, "Manufacturer"),
        modality=text(dataset, "Modality").upper(),
        rows=shown_number(dataset, "Rows"),
        columns=shown_number(dataset, "Columns"),
        bits_stored=shown_number(dataset, "BitsStored"),
        photometric_interpretation=text(dataset, "PhotometricInterpretation").upper(),
        transfer_syntax_uid=text(meta, "TransferSyntaxUID"),
    )


@contextmanager
def suppress_warnings() -> Iterator[None]:
    """Drop warnings of parsers and codecs: they quote values of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def reject_on_error(reason: str, doing: str) -> Iterator[None]:
    """Turn whatever a parser or decoder raises on garbage into `Rejected`."""
    try:
        with suppress_warnings():
            yield
    except Rejected:
        raise
    # pydicom and the codecs raise anything at all on garbage, RecursionError and
    # MemoryError included; one file must not stop a night.
    except Exception as error:  # noqa: BLE001
        why = (error.strerror if isinstance(error, OSError) else "") or _CURE
        raise Rejected(reason, f"{doing} failed: {why}") from error


def _check_size(n_bytes: int, limits: Limits) -> None:
    if n_bytes > limits.max_bytes:
        raise Rejected("too_large", f"file of {n_bytes} bytes")


def _parse(
    file: BoundedFile, limits: Limits, watch: AttributeWatch
) -> tuple[BoundedFile, Dataset]:
    """Parse by the file meta information, up to the pixels.

    Returns:
        The file that stands at the pixels, another one where the dataset was deflated;
        and the header.
    """
    preamble = read_preamble(file, force=True)
    start = file.tell()
    meta = read_dataset(file, False, True, stop_when=_after_meta)
    if text(meta, "TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        file_meta = pydicom.dataset.FileMetaDataset(meta)
        inflated = _inflate(file, limits)
        file = watch.file = BoundedFile(
            io.BytesIO(inflated), len(inflated), limits.max_reads
        )
        dataset = read_dataset(file, False, True, stop_when=watch)
        return file, FileDataset("", dataset, preamble, file_meta, False, True)
    file.seek(0 if preamble else start)
    watch.file = file
    dataset = pydicom.filereader.read_partial(file, watch, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _guessed(dataset)
    return file, dataset


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2


def _guessed(dataset: Dataset) -> str:
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _inflate(file: BoundedFile, limits: Limits) -> bytearray:
    """Inflate a dataset (PS3.5 A.5), never more than the limits allow."""
    packed = file.read()
    most = min(limits.max_bytes, limits.max_inflation * len(packed))
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    while packed and not machine.eof:
        inflated += machine.decompress(packed, _PIECE)
        if len(inflated) > most:
            raise Rejected("too_large", f"inflates to more than {most} bytes")
        packed = machine.unconsumed_tail
    return inflated


def _settle(dataset: Dataset, limits: Limits) -> None:
    """Convert every value now, so that reading one later cannot fail."""
    waiting, left = [(dataset, 0)], limits.max_values
    while waiting:
        parent, depth = waiting.pop()
        if depth > limits.max_nesting:
            raise Rejected("unreadable", f"sequences nest beyond {limits.max_nesting}")
        for tag in list(parent.keys()):
            if tag.is_private or not _may_be_pixels(parent, tag):
                del parent[tag]
                continue
            left -= 1 if tag in PIXELS and depth == 0 else _parts(parent, tag)
            if left < 0:
                raise Rejected("too_large", "more values than any film has")
            value = _converted(parent, tag)
            if isinstance(value, Sequence):
                waiting += [(item, depth + 1) for item in value]


def _may_be_pixels(parent: Dataset, tag: BaseTag) -> bool:
    """Tell pixels from what stands in their place; any other attribute may stay."""
    return tag not in PIXELS or parent.get_item(tag).VR in _PIXEL_VRS


def _parts(parent: Dataset, tag: BaseTag) -> int:
    """Count what a value will become, before it does: each part is a Python object."""
    value = parent.get_item(tag).value
    if isinstance(value, Sequence):
        return 1 + len(value)
    if not isinstance(value, bytes):
        return 1
    parts = value.count(b"\\") + sum(value.count(item) for item in _ITEMS)
    return 1 + parts + len(value) // _BYTES_PER_VALUE


def _converted(parent: Dataset, tag: BaseTag) -> object:
    """Convert one value; one that does not convert is taken out.

    What the picture depends on leaves a mark: absent, it would mean a default.
    """
    try:
        with reject_on_error("unreadable", "converting a value"):
            raw = parent.get_item(tag).value
            element = parent[tag]
            if element.VR == "PN":
                str(element.value)  # decoded no sooner
            if element.VR in STR_VR and not _is_text(element.value):
                raise Rejected("unreadable", "text that pydicom read as numbers")
            if element.keyword in _NAMES and isinstance(raw, bytes):
                _keep_bytes(element, raw)
            return element.value
    except Rejected:
        del parent[tag]
        if keyword_for_tag(tag) in PICTURE_ATTRIBUTES:
            parent.add_new(tag, "LO", _NO_VALUE)
        return None


def _keep_bytes(element: DataElement, raw: bytes) -> None:
    """Keep the bytes of a name that its character set cannot read.

    pydicom would put U+FFFD in their place, and our objects would name somebody else.
    They become halves of surrogates (PEP 383), which `text` leaves out and
    `copied.keep_bytes` writes again.
    """
    if _UNREAD in str(element.value) and _UNREAD.encode() not in raw:
        element.value = raw.rstrip(b"\0 ").decode("ascii", "surrogateescape")


def _is_text(value: object) -> bool:
    """Tell text from what pydicom makes of a text that no character set can read."""
    values = value if isinstance(value, MultiValue | list) else [value]
    return not any(type(one) in (int, float, bytes) for one in values)
