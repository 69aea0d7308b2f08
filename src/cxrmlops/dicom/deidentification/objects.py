"""Films and our own results, without identity: what an export writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cxrmlops.dicom.deidentification import profile, rules
from cxrmlops.dicom.deidentification.header import Copier
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.deidentification.second_look import left_over
from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.read.pixels import colour_tolerance, one_channel
from cxrmlops.dicom.read.source import LIMITS, Limits
from cxrmlops.dicom.read.stored_values import StoredValues, decode, pixel_format
from cxrmlops.dicom.results.answers import MANUFACTURER
from cxrmlops.system.errors import WithheldError
from cxrmlops.system.files import whole

FILMS = (  # Computed and Digital X-Ray Image Storage, the latter in its two kinds
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
)
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.34")
_GREY_SCALES = ("MONOCHROME1", "MONOCHROME2")
_LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")  # and others say


@dataclass(frozen=True)
class Film:
    """A film that may leave by its header; its pixels are not looked at yet."""

    dataset: Dataset
    stored: np.ndarray  # (rows, columns), integers, as written


def deidentified_film(
    source: Dataset, names: Pseudonyms, *, limits: Limits = LIMITS
) -> Film:
    """Build a film anew from what may leave, and from its decoded pixels.

    Pixels are written uncompressed: comments in a codestream, overlays in unused bits
    and whatever follows the last pixel stay behind.

    Args:
        source: with pixels, as `read_whole` gives it.
        names: pseudonyms of the recipient.
        limits: what decoding may cost.

    Raises:
        WithheldError: another kind of object, text is said to be in its pixels, or
            something of its identity would be left.
        Rejected: its pixels cannot be read.
    """
    if not _is_film(source):
        raise WithheldError("not a CR or DX film")
    if text(source, "BurnedInAnnotation").upper() not in ("", "NO"):
        raise WithheldError("BurnedInAnnotation says that identity is in the pixels")
    made = _header(source, names, rules.FILM)
    form = pixel_format(source, limits)
    stored = decode(source, form)
    values = stored.values
    if form.samples == 3:
        values = one_channel(values, tolerance=colour_tolerance(stored.bits))
        _show_all(made, stored.bits)
    photometric = form.photometric_interpretation
    _set_pixels(made, values, stored, photometric)
    _say_lossy(made, source)
    return Film(_checked(made, source), values)


def deidentified_result(source: Dataset, names: Pseudonyms) -> Dataset:
    """Build one of our own reports or captures anew.

    Args:
        source: with pixels, from the folder that the stage `report` writes.
        names: pseudonyms of the recipient.

    Raises:
        WithheldError: it is no result of this program, or something of its identity
            would be left.
    """
    kind = text(source, "SOPClassUID")
    if text(source, "Manufacturer") != MANUFACTURER or kind not in (
        _CAPTURE,
        *_REPORTS,
    ):
        raise WithheldError("not a report or capture of this program")
    made = _header(source, names, rules.RESULT)
    made.DeviceSerialNumber = "removed"  # Type 1 of Enhanced General Equipment
    if kind == _CAPTURE:
        _copy_colour(made, source)
    else:
        made.ContentTime = "000000"  # Type 1
    return _checked(made, source)


def write_object(made: Dataset, path: Path) -> None:
    """Write a Part 10 file, whole."""
    with suppress_warnings(), whole(path) as draft:
        made.save_as(draft, enforce_file_format=True)


def _is_film(source: Dataset) -> bool:
    kind, modality = text(source, "SOPClassUID"), text(source, "Modality").upper()
    return kind in FILMS or (kind == _CAPTURE and modality in ("CR", "DX"))


def _header(
    source: Dataset, names: Pseudonyms, which: dict[str, rules.Rule]
) -> Dataset:
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not text(source, keyword):
            raise WithheldError(f"{keyword} is missing")
    subject = profile.subject_of(source, names)
    made = Copier(which, names, subject.pseudonym).copy(source)
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "StudyID"):
        made.setdefault(keyword, "")  # Type 2
    made.ReferringPhysicianName = ""
    made.file_meta = _meta(made)
    made.SpecificCharacterSet = "ISO_IR 192"
    profile.state(made, subject, structured=which is rules.RESULT)
    return made


def _meta(made: Dataset) -> FileMetaDataset:
    """Make meta information of our own: the source's names its senders (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _checked(made: Dataset, source: Dataset) -> Dataset:
    if keyword := left_over(made, source):
        raise WithheldError(
            f"the value of its {keyword} would stand in the copy, too; look at it, and "
            "leave this film out or ask for a rule"
        )
    return made


def _set_pixels(
    made: Dataset, values: np.ndarray, stored: StoredValues, photometric: str
) -> None:
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = (
        photometric if photometric in _GREY_SCALES else "MONOCHROME2"
    )
    made.Rows, made.Columns = values.shape
    made.BitsAllocated = 8 * values.itemsize
    made.BitsStored, made.HighBit = stored.bits, stored.bits - 1
    made.PixelRepresentation = int(stored.signed)
    content = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    vr = "OW" if values.itemsize == 2 else "OB"
    made.add_new("PixelData", vr, content + b"\0" * (len(content) % 2))


def _show_all(made: Dataset, bits: int) -> None:
    """Show grey of a colour picture at full scale, as it was shown before."""
    for keyword in ("ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction"):
        made.pop(keyword, None)
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    made.WindowCenter, made.WindowWidth = 1 << (bits - 1), 1 << bits


def _say_lossy(made: Dataset, source: Dataset) -> None:
    """Once lossy, always lossy (PS3.3 C.7.6.1.1.5)."""
    syntax = text(getattr(source, "file_meta", Dataset()), "TransferSyntaxUID")
    if syntax in _LOSSY_SYNTAXES:
        made.LossyImageCompression = "01"


def _copy_colour(made: Dataset, source: Dataset) -> None:
    size = 3 * int(source.Rows) * int(source.Columns)
    syntax = text(source.file_meta, "TransferSyntaxUID")
    if syntax != ExplicitVRLittleEndian or len(source.PixelData) - size not in (0, 1):
        raise WithheldError("its pixels are not as this program writes them")
    made.SamplesPerPixel, made.PlanarConfiguration = 3, 0
    made.PhotometricInterpretation = "RGB"
    made.Rows, made.Columns = source.Rows, source.Columns
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    made.PixelRepresentation = 0
    made.add_new("PixelData", "OB", source.PixelData)
