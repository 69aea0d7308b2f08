"""
Headers of DICOM files, read within limits, before any pixel.

Files come from outside. Whatever they hold, reading one ends in a dataset whose every
value can be used, or in `Rejected`; time and memory are bounded by `Limits`.
"""

import datetime as dt
import io
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cxrmlops.dicom.read.age import age_years
from cxrmlops.dicom.read.attributes import (
    shown_number,
    study_date,
    text,
)
from cxrmlops.dicom.read.bounded_file import PIXELS, AttributeWatch, BoundedFile
from cxrmlops.dicom.read.converted_values import convert_values
from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.dicom.read.projection import portable, view
from cxrmlops.dicom.read.source import LIMITS, Limits, Source, opened
from cxrmlops.system.errors import Rejected

_PIECE = 1 << 20  # bytes inflated at a time
_IDENTITY = tag_for_keyword("StudyInstanceUID")  # behind PatientID, SOP UID


@dataclass(frozen=True)
class ImageHeader:
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
            convert_values(self.header, limits)
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
            convert_values(rest, self._limits)
        if self._watch.has_pixels and not any(tag in rest for tag in PIXELS):
            raise Rejected("undecodable", "Pixel Data have no end, or a wrong type")
        self.header.update(rest)
        return self.header


def read_header(path: Path, *, limits: Limits = LIMITS) -> Dataset:
    """Read a file up to its pixels. See `DicomFile`."""
    with opened(path, limits=limits) as source:
        return DicomFile(source, limits=limits).header


def read_identity(source: Source, *, limits: Limits = LIMITS) -> ImageHeader:
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


def describe(dataset: Dataset) -> ImageHeader:
    """Put a header's values into plain types."""
    sex = text(dataset, "PatientSex").upper()
    stated = view(dataset)
    meta: Dataset = getattr(dataset, "file_meta", Dataset())
    return ImageHeader(
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
