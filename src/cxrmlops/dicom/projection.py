"""From which side a film was taken, and whether at the bedside."""

import re

from pydicom.dataset import Dataset

from cxrmlops.dicom.attributes import coded, text, texts, words

# Defined terms of ViewPosition (PS3.3 C.8.11.5) and what CR vendors write instead.
# Obliques and decubitus films are no frontal films either.
_FRONTAL = {"PA": "PA", "AP": "AP", "P A": "PA", "A P": "AP"}
_SIDEWAYS = frozenset(
    ("LL", "RL", "LAT", "LATERAL", "LEFT", "RIGHT")
    + ("LLD", "RLD", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "OBLIQUE")
)

# PS3.16 CID 4010, as SNOMED CT and as the SRT codes of older files
_PA_CODES = {"272479007", "R-10214", "R-40888"}
_AP_CODES = {"399348003", "R-10206"}
_LATERAL_CODES = {
    *("399067008", "399173006", "399198007", "399352003", "399260004", "30730003"),
    *("399182000", "399184004", "399236003", "399356000", "399135007", "399006002"),
    *("399038007", "260427002", "399160007", "399099002", "399312000", "399059000"),
    *("R-102CD", "R-10236", "R-10232", "R-10228", "R-10224", "G-A145", "R-102C1"),
    *("R-10238", "R-10234", "R-40985", "R-10220", "R-10212", "R-10210", "R-40783"),
    *("R-10204", "R-10230", "R-10208", "R-10216"),
}

_WORDS = {
    "PA": re.compile(r" (PA|POSTERO ?ANTERIOR|POSTEROANTERIOR) "),
    "AP": re.compile(r" (AP|ANTERO ?POSTERIOR|ANTEROPOSTERIOR) "),
    "lateral": re.compile(
        r" (LAT|LATERAL|LL|RL|SEITLICH|PROFIL|OBLIQUE|DECUBITUS|DECUB|LLD|RLD) "
    ),
}
_BEDSIDE = re.compile(r" (PORT|PORTABLE|PORTABLES|MOBILE|BEDSIDE|BED) ")
_DESCRIPTIONS = (  # of this image or its series; a study's speaks of several views
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "ImageComments",
)


def view(dataset: Dataset) -> str:
    """Name the view: PA, AP, lateral (also oblique, decubitus) or unknown.

    ViewPosition, then ViewCodeSequence, then the descriptions of image and series
    when they agree with themselves, then PatientOrientation (PS3.3 C.7.6.1.1.1): a
    film whose plane holds the front-back direction is a lateral one.
    """
    return (
        _by_position(words(dataset, "ViewPosition"))
        or _by_code(dataset)
        or _by_words(words(dataset, *_DESCRIPTIONS))
        or _by_orientation(dataset)
        or "unknown"
    )


def portable(dataset: Dataset) -> str:
    """Tell if the film was taken at the bedside: yes, no or unknown."""
    said = words(dataset, *_DESCRIPTIONS, "StudyDescription", "StationName")
    if _BEDSIDE.search(said):
        return "yes"
    return "no" if view(dataset) == "PA" else "unknown"  # nobody lies for a PA film


def _by_position(position: str) -> str:
    if _SIDEWAYS & set(position.split()):
        return "lateral"
    found = {view for term, view in _FRONTAL.items() if f" {term} " in position}
    return found.pop() if len(found) == 1 else ""


def _by_code(dataset: Dataset) -> str:
    for value, meaning in coded(dataset, "ViewCodeSequence"):
        if value in _PA_CODES:
            return "PA"
        if value in _AP_CODES:
            return "AP"
        if value in _LATERAL_CODES:
            return "lateral"
        if named := _by_words(f" {meaning} "):
            return named
    return ""


def _by_words(said: str) -> str:
    found = [name for name, pattern in _WORDS.items() if pattern.search(said)]
    return found[0] if len(found) == 1 else ""


def _by_orientation(dataset: Dataset) -> str:
    if not text(dataset, "PatientOrientation"):
        return ""
    main = {direction[:1] for direction in texts(dataset, "PatientOrientation")}
    return "lateral" if main & {"A", "P"} else ""
