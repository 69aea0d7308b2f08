"""Films without identity: what an export writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cxrmlops.dicom.deidentification import profile
from cxrmlops.dicom.deidentification.header import Copier
from cxrmlops.dicom.deidentification.lossy import say_lossy
from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.deidentification.second_look import left_over
from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.read.pixels import colour_tolerance, one_channel
from cxrmlops.dicom.read.source import LIMITS, Limits
from cxrmlops.dicom.read.stored_values import StoredValues, decode, pixel_format
from cxrmlops.system.errors import WithheldError
from cxrmlops.system.files import whole

FILMS = (  # Computed and Digital X-Ray Image Storage, the latter in its two kinds
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
)
# Attributes that a copy must have, even empty.
_TYPE_2 = (
    *("StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    *("SeriesNumber", "InstanceNumber"),
)
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_GREY_SCALES = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Film:
    """A film as it would leave; its pixels are not looked at yet."""

    dataset: Dataset
    stored: np.ndarray  # (rows, columns), integers, as written
    left_over: str  # attribute of the source whose value stands in it, too; "" none


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
        WithheldError: another kind of object, it lacks a UID, or text is said to be in
            its pixels.
        Rejected: its pixels cannot be read.
    """
    if not _is_film(source):
        raise WithheldError("not a CR or DX film")
    if text(source, "BurnedInAnnotation").upper() not in ("", "NO"):
        raise WithheldError("BurnedInAnnotation says that identity is in the pixels")
    made = _header(source, names)
    form = pixel_format(source, limits)
    stored = decode(source, form)
    values = stored.values
    if form.samples == 3:
        values = one_channel(values, tolerance=colour_tolerance(stored.bits))
        _show_all(made, stored.bits)
    photometric = form.photometric_interpretation
    _set_pixels(made, values, stored, photometric)
    say_lossy(made, source)
    return Film(made, values, left_over(made, source))


def write_object(made: Dataset, path: Path) -> None:
    """Write a Part 10 file, whole."""
    with suppress_warnings(), whole(path) as draft:
        made.save_as(draft, enforce_file_format=True)


def _is_film(source: Dataset) -> bool:
    kind, modality = text(source, "SOPClassUID"), text(source, "Modality").upper()
    return kind in FILMS or (kind == _CAPTURE and modality in ("CR", "DX"))


def _header(source: Dataset, names: Pseudonyms) -> Dataset:
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not text(source, keyword):
            raise WithheldError(f"{keyword} is missing")
    subject = profile.subject_of(source, names)
    made = Copier(names, subject.pseudonym).copy(source)
    for keyword in _TYPE_2:
        made.setdefault(keyword, "")
    if "RescaleIntercept" in made:
        made.setdefault("RescaleType", "US")  # unspecified (PS3.3 C.11.1.1.2)
    made.ReferringPhysicianName = ""
    made.file_meta = _meta(made)
    made.SpecificCharacterSet = "ISO_IR 192"
    profile.state(made, subject)
    return made


def _meta(made: Dataset) -> FileMetaDataset:
    """Make meta information of our own: the source's names its senders (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


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
