"""Whether a film shows a human chest, by what its header says."""

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset

from cxrmlops.dicom.attributes import coded, text, words

# Chest, thorax, lung (PS3.16 CID 4009, 4031): SNOMED CT, and SRT of older files
CHEST_CODES = frozenset(
    (
        *("816094009", "51185008", "302551006", "43799004", "39607008", "74101002"),
        *("T-D3000", "T-28000", "T-28020"),
    )
)
_PEOPLE = {"337915000", "L-85B00"}  # homo sapiens (PS3.16 CID 7454)
_ANIMAL = re.compile(
    r" (CANINE|FELINE|EQUINE|BOVINE|CANIS|FELIS|EQUUS|DOG|CAT|HORSE|PUPPY|KITTEN|"
    r"VETERINARY|VETERINARIAN|VET) "
)

# Image and series first: a study's words may speak of several films.
_OWN_WORDS = ("SeriesDescription", "ProtocolName")
_STUDY_WORDS = (
    "AcquisitionDeviceProcessingDescription",
    "StudyDescription",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)
_PROCEDURE_CODES = (
    "ProcedureCodeSequence",
    "RequestedProcedureCodeSequence",
    "PerformedProtocolCodeSequence",
)
_ELSEWHERE = re.compile(
    r" (ABD\w*|KUB|PELVI\w*|HIPS?|SPINE|[CTL]SPINE|LUMBAR|CERVICAL|RIBS?|SHOULDER|"
    r"CLAVIC\w*|STERNUM|SCAPULA|HUMERUS|SKULL|NECK|KNEES?|FOOT|FEET|ANKLES?|HANDS?|"
    r"WRISTS?|ELBOWS?|FEMUR|TIBIA|LEGS?|ARMS?|EXTREMITY) "
)


def is_chest(dataset: Dataset, chest_words: Sequence[str]) -> tuple[bool | None, str]:
    """Decide by the first that speaks: region code, body part, words, procedure.

    BodyPartExamined is wrong often enough (ABDOMEN for a bedside chest) that the words
    of the series outweigh it. Those of the study do not: "chest and abdomen" is said of
    both films.

    Args:
        dataset: header of one film.
        chest_words: what the site calls a chest, any case.

    Returns:
        True, False, or None where nothing speaks; and which attribute decided.
    """
    names = [word.casefold() for word in chest_words]
    regions = coded(dataset, "AnatomicRegionSequence")
    if any(value in CHEST_CODES or _has(names, said) for value, said in regions):
        return True, "AnatomicRegionSequence"
    if _has(names, words(dataset, "BodyPartExamined")):
        return True, "BodyPartExamined"
    if _has(names, words(dataset, *_OWN_WORDS)):
        return True, "words of the series"
    if any(value for value, _ in regions):
        return False, "AnatomicRegionSequence"
    if text(dataset, "BodyPartExamined"):
        return False, "BodyPartExamined"
    return _by_study(dataset, names)


def is_human(dataset: Dataset) -> bool:
    """Tell people from animals (PS3.3 C.7.1.1: species, breed; else by protocol)."""
    species = coded(dataset, "PatientSpeciesCodeSequence")
    if any(value and value not in _PEOPLE for value, _ in species):
        return False
    named = text(dataset, "PatientSpeciesDescription").casefold()
    if named and "homo" not in named and "human" not in named:
        return False
    if text(dataset, "PatientBreedDescription"):
        return False
    return not _ANIMAL.search(words(dataset, *_OWN_WORDS, *_STUDY_WORDS))


def _by_study(dataset: Dataset, names: list[str]) -> tuple[bool | None, str]:
    procedures = " ".join(said for _, said in coded(dataset, *_PROCEDURE_CODES))
    said = f"{words(dataset, *_OWN_WORDS, *_STUDY_WORDS)}{procedures} "
    elsewhere = _ELSEWHERE.search(said)
    if _has(names, said):
        return (None, "words of the study") if elsewhere else (True, "words")
    return (False, "words") if elsewhere else (None, "")


def _has(names: list[str], said: str) -> bool:
    folded = said.casefold()
    return any(name in folded for name in names)
