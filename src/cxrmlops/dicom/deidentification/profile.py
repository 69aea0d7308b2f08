"""What each object says of whom it is, and of how it was de-identified."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
from cxrmlops.dicom.read.age import age_years
from cxrmlops.dicom.read.attributes import text

METHOD = (
    "PS3.15 Annex E Basic Profile, table E.1-1 of 2026c, allow-list",  # LO: 64 each
    "dates moved by whole days per patient, no times, age at most 90",
)
# CID 7050. Not stated: Clean Pixel Data (films with words are held back, none is
# painted over), Retain Device Identity (only the maker and model of table E.1-1's
# blind spot are kept), Clean Descriptors (descriptions are removed).
BASIC = ("113100", "Basic Application Confidentiality Profile")
DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
PATIENT = ("113108", "Retain Patient Characteristics Option")
STATED = (BASIC, DATES, PATIENT)
OLDEST = 90  # years; older people are few, 45 CFR 164.514(b)(2)(i)(C)

_SEXES = ("F", "M", "O")


@dataclass(frozen=True)
class Subject:
    """All that is told of a patient."""

    pseudonym: str
    sex: str  # F, M or O; "" unknown
    age: str  # AS, as DICOM writes it; "" unknown


def subject_of(source: Dataset, names: Pseudonyms) -> Subject:
    """Read whom a header is about."""
    sex = text(source, "PatientSex").upper()
    return Subject(
        pseudonym=names.patient(
            text(source, "IssuerOfPatientID"),
            text(source, "PatientID"),
            study_uid=text(source, "StudyInstanceUID"),
        ),
        sex=sex if sex in _SEXES else "",
        age=shown_age(age_years(source)),
    )


def shown_age(years: float) -> str:
    """Write an age as AS: whole years up to OLDEST, months below two years."""
    if years != years:
        return ""
    return (
        f"{min(int(years), OLDEST):03d}Y" if years >= 2 else f"{int(years * 12):03d}M"
    )


def state(made: Dataset, subject: Subject) -> None:
    """Write the patient, and the profile with its options (PS3.15 E.2, E.3)."""
    made.PatientName = made.PatientID = subject.pseudonym
    made.PatientBirthDate, made.PatientSex = "", subject.sex
    if subject.age:
        made.PatientAge = subject.age
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = list(METHOD)
    made.DeidentificationMethodCodeSequence = [_item(*one) for one in STATED]
    made.LongitudinalTemporalInformationModified = "MODIFIED"


def _item(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "DCM"
    item.CodeMeaning = meaning
    return item
