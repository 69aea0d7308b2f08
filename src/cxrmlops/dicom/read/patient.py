"""Whether two films name one person. Compared only, never written down."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import text


@dataclass(frozen=True)
class Patient:
    """Who a header says it is about; "" where it does not say."""

    number: str  # Patient ID
    issuer: str  # of the number
    name: str  # its words in any order, without case
    birth_date: str
    sex: str  # M or F; else ""


def patient_of(dataset: Dataset) -> Patient:
    """Read a header's patient (PS3.3 C.7.1.1, C.2.2)."""
    letters = text(dataset, "PatientName").partition("=")[0]
    sex = text(dataset, "PatientSex").upper()
    return Patient(
        number=text(dataset, "PatientID"),
        issuer=text(dataset, "IssuerOfPatientID"),
        name=" ".join(sorted(letters.replace("^", " ").casefold().split())),
        birth_date=text(dataset, "PatientBirthDate"),
        sex=sex if sex in ("M", "F") else "",
    )


def are_two_people(one: Patient, other: Patient) -> bool:
    """Return whether two headers of a study name two people.

    The number decides, and where both name an issuer, the issuer. Without a number in
    one of them, name, birth date and sex may not contradict each other.
    """
    if one.number and other.number:
        return one.number != other.number or _differ(one.issuer, other.issuer)
    return (
        _differ(one.name, other.name)
        or _differ(one.birth_date, other.birth_date)
        or _differ(one.sex, other.sex)
    )


def name_two_people(patients: Iterable[Patient]) -> bool:
    """Return whether any two of these headers name two people."""
    pairs = itertools.combinations(set(patients), 2)
    return any(are_two_people(one, other) for one, other in pairs)


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other
