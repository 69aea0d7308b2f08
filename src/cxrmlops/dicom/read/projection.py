"""From which side a film was taken, and whether at the bedside."""

import re

from pydicom.dataset import Dataset

from cxrmlops.dicom.read import site_words
from cxrmlops.dicom.read.attributes import coded, items, text, texts, words

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

_BEDSIDE = re.compile(r" (PORT|PORTABLE|PORTABLES|MOBILE|BEDSIDE|BED) ")
_DESCRIPTIONS = (  # of this image or its series
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "ImageComments",
)
_STUDY_DESCRIPTIONS = (  # may speak of several films
    "StudyDescription",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)
_PROCEDURE_CODES = (
    "PerformedProtocolCodeSequence",
    "ProcedureCodeSequence",
    "RequestedProcedureCodeSequence",
)


def view(dataset: Dataset) -> str:
    """Name the view: PA, AP, lateral (also oblique, decubitus) or unknown.

    ViewPosition, then ViewCodeSequence, then the descriptions of image and series
    when they agree with themselves, then PatientOrientation (PS3.3 C.7.6.1.1.1): a
    film whose plane holds the front-back direction is a lateral one. Last the words of
    the study, which speak of several films: they make a film lateral where they name
    lateral views and no other, and never frontal. An oblique or decubitus film is taken
    AP or PA too, so that such words of the series outweigh a frontal position.
    """
    said = folded_words(dataset, *_DESCRIPTIONS)
    stated = (
        _by_position(folded_words(dataset, "ViewPosition"))
        or _by_code(dataset)
        or by_words(said)
        or _by_orientation(dataset)
        or _by_study(dataset)
        or "unknown"
    )
    return "lateral" if _is_turned(said) else stated


def portable(dataset: Dataset, stated: str = "") -> str:
    """Return whether the film was taken at the bedside: yes, no or unknown.

    Args:
        dataset: header of the film.
        stated: its `view`, where it is known already.
    """
    said = words(dataset, *_DESCRIPTIONS, "StudyDescription", "StationName")
    if _BEDSIDE.search(said):
        return "yes"
    # nobody lies for a PA film
    return "no" if (stated or view(dataset)) == "PA" else "unknown"


def folded_words(dataset: Dataset, *keywords: str) -> str:
    """Join the attributes' words in the form that `site_words` speaks of."""
    return site_words.folded(" ".join(text(dataset, keyword) for keyword in keywords))


def by_words(said: str) -> str:
    """Name the view that folded words state; "" none, or more than one."""
    if _is_turned(said):
        return "lateral"
    found = [
        name
        for name, terms in (
            ("PA", site_words.PA),
            ("AP", site_words.AP),
            ("lateral", site_words.LATERAL),
        )
        if terms.search(said)
    ]
    if found == ["lateral"] and site_words.FRONTAL.search(said):
        return ""
    return found[0] if len(found) == 1 else ""


def _is_turned(said: str) -> bool:
    return bool(site_words.TURNED.search(site_words.LYING.sub(" ", said)))


def _by_position(position: str) -> str:
    """Read a ViewPosition (PS3.3 C.8.11.5 and what vendors write instead).

    It speaks of one film, so that a side or "lateral" beside AP makes it lateral.
    """
    sideways = site_words.LATERAL.search(position) or _is_turned(position)
    if sideways or site_words.SIDES & set(position.split()):
        return "lateral"
    return by_words(position)


def _by_code(dataset: Dataset) -> str:
    modifiers = [
        meaning
        for item in items(dataset, "ViewCodeSequence")
        for _, meaning in coded(item, "ViewModifierCodeSequence")
    ]
    if _is_turned(site_words.folded(" ".join(modifiers))):
        return "lateral"
    for value, meaning in coded(dataset, "ViewCodeSequence"):
        if value in _PA_CODES:
            return "PA"
        if value in _AP_CODES:
            return "AP"
        if value in _LATERAL_CODES:
            return "lateral"
        if named := by_words(site_words.folded(meaning)):
            return named
    return ""


def _by_orientation(dataset: Dataset) -> str:
    if not text(dataset, "PatientOrientation"):
        return ""
    main = {direction[:1] for direction in texts(dataset, "PatientOrientation")}
    return "lateral" if main & {"A", "P"} else ""


def _by_study(dataset: Dataset) -> str:
    meanings = " ".join(said for _, said in coded(dataset, *_PROCEDURE_CODES))
    said = folded_words(dataset, *_STUDY_DESCRIPTIONS) + site_words.folded(meanings)
    frontal = (site_words.PA, site_words.AP, site_words.FRONTAL)
    if any(terms.search(said) for terms in frontal):
        return ""
    return "lateral" if by_words(said) == "lateral" else ""
