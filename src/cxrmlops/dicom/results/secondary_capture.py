"""
The overlay picture as an RGB Secondary Capture: the one form every viewer shows.

A film that could not be evaluated has one, too: a page that says so. Each is a series
of its own, whose description begins with its answer: a late film changes no other's.
"""

import datetime as dt
import math
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from cxrmlops.dicom.read.attributes import shown_number
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.read.orientation import UPRIGHT, turn_upright
from cxrmlops.dicom.results.answers import ImageAnswer, headline
from cxrmlops.dicom.results.derived import (
    common,
    complete,
    local_time,
    object_uid,
    reference,
)
from cxrmlops.records.model_identity import ModelIdentity

SERIES_NUMBER = 9002  # of the first film; others follow in their order
_KIND = "overlay"
_MOST = 2**31 - 1  # that an integer string holds (PS3.5 6.2)


@dataclass(frozen=True)
class OverlayPicture:
    """Pixels of one overlay and where the film lies in them."""

    pixels: np.ndarray  # (rows, columns, 3) uint8
    image_rows: int  # of the film inside the picture; 0: no film is shown
    image_columns: int
    shows_map: bool  # a film answered NSF has none


def overlay_uid(source: Dataset, content: str, model: ModelIdentity) -> str:
    """Name the overlay of one film with this content, before it is drawn."""
    return object_uid(_KIND, _made_from(source, content), model)


def _made_from(source: Dataset, content: str) -> list[str]:
    return [str(source.StudyInstanceUID), str(source.SOPInstanceUID), content]


def build_secondary_capture(
    image: ImageAnswer,
    picture: OverlayPicture,
    *,
    analysed_at: dt.datetime,
    model: ModelIdentity,
    content: str = "",
) -> Dataset:
    """Build the secondary capture of one film.

    Args:
        image: its header and its own answer.
        picture: what to show; no patient's name may be in it.
        analysed_at: start of the analysis.
        model: who read.
        content: hash of the film's file: another content gives another object.

    Returns:
        A data set with file meta information; the same arguments give the same bytes.
    """
    with suppress_warnings():
        ref = reference(image.source)
        when = local_time(image.source, analysed_at)
        orientation = _orientation(ref) if picture.image_rows else None
        number = _number(ref)
        made = hd.sc.SCImage.from_ref_dataset(
            ref_dataset=ref,
            pixel_array=picture.pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=orientation or UPRIGHT,  # highdicom insists on one
            series_instance_uid=object_uid(
                f"series/{_KIND}", _made_from(ref, content), model
            ),
            series_number=min(SERIES_NUMBER + number - 1, _MOST),
            sop_instance_uid=overlay_uid(ref, content, model),
            instance_number=number,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            **common(model, when, _description(image, picture, model)),
        )
        if not orientation:
            made.PatientOrientation = ""  # unknown stays unknown
        made.copy_patient_and_study_information(ref)
        _describe(made, ref, picture, model)
        return complete(made, image.source, when)


def _describe(
    made: Dataset, ref: Dataset, picture: OverlayPicture, model: ModelIdentity
) -> None:
    made.Modality = _modality(ref)
    made.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    made.BurnedInAnnotation = "YES"  # the result; no identity of the patient
    made.RecognizableVisualFeatures = "NO"
    lossy = str(ref.get("LossyImageCompression") or "00") == "01"
    made.LossyImageCompression = "01" if lossy else "00"  # once lossy, always lossy
    made.DerivationDescription = f"{_what(picture)}, {model.name} {model.version_told}"
    item = Dataset()
    item.ReferencedSOPClassUID = ref.SOPClassUID
    item.ReferencedSOPInstanceUID = ref.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [
        CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)
    ]
    made.SourceImageSequence = [item]
    made.BodyPartExamined = "CHEST"  # as accepted, whatever the source calls it
    spacing = _spacing(ref, picture)
    if spacing:
        made.NominalScannedPixelSpacing = spacing


def _description(
    image: ImageAnswer, picture: OverlayPicture, model: ModelIdentity
) -> str:
    """Say the answer and little else: viewers write it over the picture's corner."""
    said = headline(image.probability, model)
    return f"{said}, map" if picture.shows_map else said


def _what(picture: OverlayPicture) -> str:
    if not picture.image_rows:
        return "Page without film, not evaluable"
    return "Evidence overlay" if picture.shows_map else "Film with result, no overlay"


def _modality(ref: Dataset) -> str:
    """Return the film's own modality.

    Quirk: OHIF 3 plays OT (highdicom's choice) as a film: a cine bar covers the text.
    """
    return str(ref.get("Modality") or "DX")


def _number(ref: Dataset) -> int:
    """Number the overlay like its film, whichever films of the study came since."""
    return min(max(1, shown_number(ref, "InstanceNumber", 1)), _MOST)


def _orientation(ref: Dataset) -> tuple[str, str] | None:
    """Return which way up the picture lies: like its film, unless that was turned."""
    if turn_upright(ref):
        return UPRIGHT
    values = ref.get("PatientOrientation") or ()
    if len(values) != 2:
        return None
    try:
        pair = [hd.PatientOrientationValuesBiped(value).value for value in values]
    except ValueError:
        return None
    return pair[0], pair[1]


def _spacing(ref: Dataset, picture: OverlayPicture) -> list[float] | None:
    """Scale the source's spacing at the detector to the picture's grid, in mm."""
    spacing = ref.get("ImagerPixelSpacing")
    if not spacing or len(spacing) != 2 or not (ref.get("Rows") and ref.get("Columns")):
        return None
    if not picture.image_rows:
        return None
    height, width = float(spacing[0]) * ref.Rows, float(spacing[1]) * ref.Columns
    if turn_upright(ref).transposed:
        height, width = width, height
    row, column = height / picture.image_rows, width / picture.image_columns
    known = math.isfinite(row * column) and min(row, column) > 0
    return [round(row, 6), round(column, 6)] if known else None
