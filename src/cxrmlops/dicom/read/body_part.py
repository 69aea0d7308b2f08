"""Whether a film shows a human chest, by what its header says."""

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import coded, text, words
from cxrmlops.dicom.read.projection import folded_words
from cxrmlops.dicom.read.site_words import ELSEWHERE, WITH_CHEST_IMAGE, folded

# Chest, thorax, lung, heart, mediastinum, pleura (PS3.16 CID 4009, 4031): SNOMED CT,
# and SRT of older files
CHEST_CODES = frozenset(
    (
        *("816094009", "51185008", "302551006", "43799004", "39607008", "74101002"),
        *("80891009", "72410000", "3120008"),
        *("T-D3000", "T-28000", "T-28020", "T-32000", "T-D3300", "T-29000"),
    )
)
SHORT = 4  # letters
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


def is_chest(dataset: Dataset, chest_words: Sequence[str]) -> tuple[bool | None, str]:
    """Decide by the first that speaks: region code, series, body part, study.

    BodyPartExamined is wrong often enough (ABDOMEN for a bedside chest, CHEST for a
    spine: 15 % in Gueld et al. 2002) that the words of the series outweigh it. Those of
    the study do not, "chest and abdomen" is said of both films; but where they speak of
    another part alone, a body part CHEST is not believed. A series that names chest and
    another part says nothing.

    Args:
        dataset: header of one film.
        chest_words: what the site calls a chest, any case.

    Returns:
        True, False, or None where nothing speaks or two contradict each other; and
        which attribute decided.
    """
    names = [folded(word).strip() for word in chest_words]
    regions = coded(dataset, "AnatomicRegionSequence")
    if any(value in CHEST_CODES or _chest(names, said) for value, said in regions):
        return True, "AnatomicRegionSequence"
    if any(value for value, _ in regions):
        return False, "AnatomicRegionSequence"
    own = folded_words(dataset, *_OWN_WORDS)
    chest, elsewhere = _chest(names, own), bool(ELSEWHERE.search(own))
    if chest != elsewhere:
        return chest, "words of the series"
    if not text(dataset, "BodyPartExamined"):
        return (None, "words of the series") if chest else _by_study(dataset, names)
    if not _chest(names, folded_words(dataset, "BodyPartExamined")):
        return False, "BodyPartExamined"
    if not chest and _studied_elsewhere(dataset, names):
        return None, "BodyPartExamined against words of the study"
    return True, "BodyPartExamined"


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
    said = _study_words(dataset)
    elsewhere = ELSEWHERE.search(said)
    if _chest(names, said):
        return (None, "words of the study") if elsewhere else (True, "words")
    return (False, "words") if elsewhere else (None, "")


def _studied_elsewhere(dataset: Dataset, names: list[str]) -> bool:
    """Tell a study of another part alone; an acute abdomen has a film of the chest."""
    said = _study_words(dataset)
    if _chest(names, said) or WITH_CHEST_IMAGE.search(said):
        return False
    return bool(ELSEWHERE.search(said))


def _study_words(dataset: Dataset) -> str:
    procedures = " ".join(said for _, said in coded(dataset, *_PROCEDURE_CODES))
    return folded_words(dataset, *_STUDY_WORDS) + folded(procedures)


def _chest(names: list[str], said: str) -> bool:
    """Find a word for the chest that is no part of another: a thoracic spine is none.

    Short Latin words must begin a word: LUNG is in Darstellung.
    """
    rest = ELSEWHERE.sub(" ", folded(said))
    return any(
        (f" {name}" if name.isascii() and len(name) <= SHORT else name) in rest
        for name in names
        if name
    )
