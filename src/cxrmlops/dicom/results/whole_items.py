"""
What an item of a copied sequence must hold (Type 1 in PS3.3 C.7.1.1, C.7.2, 8.8, 10).

Sources hold empty items; in an object of ours they would be errors of ours.
"""

from pydicom.dataset import Dataset

# Per sequence: each group needs one of its attributes
_Groups = tuple[tuple[str, ...], ...]
_CODE: _Groups = (("CodeValue", "LongCodeValue", "URNCodeValue"), ("CodeMeaning",))
_OBJECT: _Groups = (("ReferencedSOPClassUID",), ("ReferencedSOPInstanceUID",))
_NUMBER: _Groups = (("LocalNamespaceEntityID", "UniversalEntityID"),)
_PERSON: _Groups = (
    ("PersonIdentificationCodeSequence",),
    ("InstitutionName", "InstitutionCodeSequence"),
)
_PROTOCOL: _Groups = (
    ("ClinicalTrialProtocolID",),
    ("IssuerOfClinicalTrialProtocolID",),
)
_NEEDED: dict[str, _Groups] = {
    "ReferencedStudySequence": _OBJECT,
    "ReferencedPatientSequence": _OBJECT,
    "ReferencedSOPSequence": _OBJECT,
    "ReferringPhysicianIdentificationSequence": _PERSON,
    "ConsultingPhysicianIdentificationSequence": _PERSON,
    "PhysiciansOfRecordIdentificationSequence": _PERSON,
    "PhysiciansReadingStudyIdentificationSequence": _PERSON,
    "IssuerOfAccessionNumberSequence": _NUMBER,
    "IssuerOfAdmissionIDSequence": _NUMBER,
    "IssuerOfServiceEpisodeIDSequence": _NUMBER,
    "AssigningFacilitySequence": _NUMBER,
    "OrderPlacerIdentifierSequence": _NUMBER,
    "OrderFillerIdentifierSequence": _NUMBER,
    "OtherPatientIDsSequence": (("PatientID",), ("TypeOfPatientID",)),
    "SourcePatientGroupIdentificationSequence": (("PatientID",),),
    "GroupOfPatientsIdentificationSequence": (("PatientID",),),
    "OtherClinicalTrialProtocolIDsSequence": _PROTOCOL,
    "ConsentForClinicalTrialUseSequence": (("ConsentForDistributionFlag",),),
    "ReferencedPatientPhotoSequence": (
        ("ReferencedSOPSequence",),
        ("TypeOfInstances",),
    ),
}


def is_whole(sequence: str, item: Dataset) -> bool:
    """Return whether an item may stand in the sequence of this keyword."""
    if not len(item):
        return False
    if sequence.endswith("CodeSequence"):
        return _has(item, _CODE) and _has_scheme(item)
    if item.get("UniversalEntityID") and not item.get("UniversalEntityIDType"):
        return False
    return _has(item, _NEEDED.get(sequence, ()))


def _has(item: Dataset, needed: _Groups) -> bool:
    return all(any(item.get(name) for name in group) for group in needed)


def _has_scheme(item: Dataset) -> bool:
    """A code needs its scheme, unless it is a URN, which names its own (PS3.3 8.1)."""
    return bool(item.get("CodingSchemeDesignator") or item.get("URNCodeValue"))
