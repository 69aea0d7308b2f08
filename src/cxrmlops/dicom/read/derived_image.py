"""Pictures that were computed from films: captures, dual-energy and bone images."""

import re

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import coded, text, texts
from cxrmlops.dicom.read.projection import folded_words
from cxrmlops.dicom.read.site_words import folded

_KIND = 2  # values of ImageType from here on name a special kind (PS3.3 C.7.6.1.1.2)
_ENERGY_KIND = re.compile(r" (?:BONES?|SOFT|TISSUES?|SUBTRACT\w*|SUPPRESS\w*) ")
# Sure of themselves: an ordinary film of a dual-energy series is called "dual energy"
_ENERGY_WORDS = re.compile(
    r" (?:BONE|(?:SOFT )?TISSUE) (?:ONLY |SELECTIVE )?IMAGE |"
    r" BONE SUPPRESS\w* | (?:ENERGY|BONE) SUBTRACT\w* |"
    r" DUAL ENERGY (?:BONE|SOFT|TISSUE) "
)
_OF_DERIVED = re.compile(r" (?:BONE|SOFT TISSUE) ")
_DESCRIPTIONS = (
    *("SeriesDescription", "ProtocolName", "ImageComments", "DerivationDescription"),
    "AcquisitionDeviceProcessingDescription",
)


def is_derived(dataset: Dataset) -> str:
    """Name the attribute that says so; "" for a film as it was taken.

    DERIVED alone says nothing: compressing with loss makes a film DERIVED.
    """
    kinds = texts(dataset, "ImageType")
    if "SECONDARY" in text(dataset, "ImageType").upper().replace("\\", " ").split():
        return "ImageType SECONDARY"
    if any(_ENERGY_KIND.search(folded(kind)) for kind in kinds[_KIND:]):
        return "ImageType of a dual-energy or bone image"
    made = " ".join(said for _, said in coded(dataset, "DerivationCodeSequence"))
    said = folded_words(dataset, *_DESCRIPTIONS) + folded(made)
    computed = kinds[0] == "DERIVED" and _OF_DERIVED.search(said)
    if computed or _ENERGY_WORDS.search(said):
        return "words of a dual-energy or bone image"
    return ""
