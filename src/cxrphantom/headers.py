"""DICOM headers as vendors write them: CR (PS3.3 A.2) and DX (PS3.3 A.26) images."""

import datetime as dt
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
)

from cxrphantom.people import Person, made_uid
from cxrphantom.vendors import Vendor

# SNOMED CT codes of PS3.16 CID 4010; where the rows and the columns of the film point
_VIEWS = {
    "PA": ("272479007", "postero-anterior", ["L", "F"]),
    "AP": ("399348003", "antero-posterior", ["L", "F"]),
    "LL": ("399173006", "left lateral", ["P", "F"]),
}
_REGIONS = {  # body part -> SNOMED CT code and meaning (PS3.16 CID 4009)
    "CHEST": ("51185008", "Chest"),
    "HAND": ("85562004", "Hand"),
}


@dataclass(frozen=True)
class Exam:
    """One study: who, when, under which numbers."""

    person: Person
    study_uid: UID
    accession: str
    day: dt.date
    minute: int  # of the day
    description: str = "Chest"


@dataclass(frozen=True)
class Shot:
    """One image of a study."""

    uid: UID
    number: int  # within the study, from 1
    view: str  # PA, AP or LL
    spacing: float  # mm per pixel at the detector
    body_part: str = "CHEST"
    raw: bool = False  # FOR PROCESSING


def write_header(exam: Exam, shot: Shot, vendor: Vendor) -> Dataset:
    """Fill every attribute except those of the pixels."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = vendor.charset
    _identify(dataset, exam, shot, vendor)
    _patient(dataset, exam, vendor)
    _system(dataset, shot, vendor)
    if vendor.modality == "DX":
        _digital(dataset, shot)
    else:
        dataset.PlateType = "storage phosphor"
    return dataset


def _identify(dataset: Dataset, exam: Exam, shot: Shot, vendor: Vendor) -> None:
    digital = vendor.modality == "DX"
    presented = (
        DigitalXRayImageStorageForProcessing
        if shot.raw
        else DigitalXRayImageStorageForPresentation
    )
    day, time = f"{exam.day:%Y%m%d}", f"{exam.minute // 60:02d}{exam.minute % 60:02d}00"
    dataset.SOPClassUID = presented if digital else ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = shot.uid
    dataset.StudyInstanceUID = exam.study_uid
    series = (str(exam.study_uid), shot.view, shot.raw, shot.body_part)
    dataset.SeriesInstanceUID = made_uid(0, "series", *series)
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = day
    dataset.AcquisitionDate = day
    dataset.StudyTime = dataset.ContentTime = dataset.AcquisitionTime = time
    dataset.AccessionNumber = exam.accession
    dataset.StudyID = exam.accession[-6:]
    dataset.SeriesNumber = 2 if shot.raw else 3 if shot.view == "LL" else 1
    dataset.InstanceNumber = shot.number
    dataset.Modality = vendor.modality
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = exam.description
    dataset.ImageType = (
        ["ORIGINAL", "PRIMARY", ""] if digital else ["ORIGINAL", "PRIMARY"]
    )


def _patient(dataset: Dataset, exam: Exam, vendor: Vendor) -> None:
    person = exam.person
    dataset.PatientName = person.name(vendor.charset)
    dataset.PatientID = person.number
    dataset.PatientBirthDate = f"{person.born:%Y%m%d}"
    dataset.PatientSex = person.sex
    dataset.PatientAge = f"{int(person.age(exam.day)):03d}Y"


def _system(dataset: Dataset, shot: Shot, vendor: Vendor) -> None:
    dataset.Manufacturer = vendor.manufacturer
    dataset.ManufacturerModelName = vendor.model
    dataset.SoftwareVersions = "1.0"
    dataset.InstitutionName = "Made-up General Hospital"
    dataset.StationName = "BEDSIDE" if vendor.bedside else "ROOM1"
    dataset.BodyPartExamined = shot.body_part
    dataset.ViewPosition = shot.view
    dataset.SeriesDescription = f"{shot.body_part.title()} {shot.view}"
    if vendor.bedside:
        dataset.SeriesDescription += " portable"
    dataset.ProtocolName = dataset.SeriesDescription
    dataset.KVP = "90" if vendor.bedside else "120"
    dataset.DistanceSourceToDetector = "1100" if vendor.bedside else "1800"
    dataset.ImagerPixelSpacing = [f"{shot.spacing:.5f}"] * 2
    dataset.PatientOrientation = _VIEWS[shot.view][2]
    if vendor.modality == "CR":
        dataset.PatientOrientation = ""
    dataset.BurnedInAnnotation = "NO"


def _digital(dataset: Dataset, shot: Shot) -> None:
    """Add what the DX modules ask for (PS3.3 C.8.11)."""
    raw = shot.raw
    dataset.PresentationIntentType = "FOR PROCESSING" if raw else "FOR PRESENTATION"
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = _code(*_REGIONS[shot.body_part])
    view = _code(*_VIEWS[shot.view][:2])
    view[0].ViewModifierCodeSequence = Sequence()
    dataset.ViewCodeSequence = view
    dataset.PatientOrientationCodeSequence = _code("10904000", "erect")
    dataset.AcquisitionContextSequence = Sequence()
    dataset.DetectorType = "SCINTILLATOR"
    dataset.PositionerType = "NONE"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", "1"
    dataset.RescaleType = "US"
    dataset.LossyImageCompression = "00"


def _code(value: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "SCT"
    item.CodeMeaning = meaning
    return Sequence([item])
