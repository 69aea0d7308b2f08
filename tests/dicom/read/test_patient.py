import pytest
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.patient import name_two_people, patient_of

ANNA = {
    "PatientID": "7",
    "IssuerOfPatientID": "WARD",
    "PatientName": "Alpha^Anna",
    "PatientBirthDate": "19600101",
    "PatientSex": "F",
}


def two_people(**changes: str) -> bool:
    headers = []
    for values in (ANNA, ANNA | changes):
        header = Dataset()
        for keyword, value in values.items():
            setattr(header, keyword, value)
        headers.append(patient_of(header))
    return name_two_people(headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"PatientID": "8"},
        {"IssuerOfPatientID": "CITY"},
        {"PatientID": "", "PatientName": "Beta^Berta"},
        {"PatientID": "", "PatientBirthDate": "19400101"},
        {"PatientID": "", "PatientSex": "M"},
    ],
)
def test_another_number_issuer_or_person_without_a_number_is_another_patient(changes):
    assert two_people(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"PatientID": " 7 "},
        {"IssuerOfPatientID": ""},
        {"PatientName": "Omega^Anna"},  # married
        {"PatientID": "", "PatientName": "ANNA^ALPHA", "PatientSex": ""},
    ],
)
def test_what_is_not_stated_or_spelt_otherwise_is_no_other_patient(changes):
    assert not two_people(**changes)
