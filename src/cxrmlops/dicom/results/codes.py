"""
Coded concepts of our objects (PS3.16), each under one name.

Where a code stands and why it was chosen: the structured report follows TID 1500 and
TID 1410; the answers are SNOMED CT codes of CID 3209. Numbers that no standard code
names have codes of our own, whose meaning every viewer shows. Not used for a threshold:
(122411, DCM, "Threshold Value"), a standard deviation of wall motion; (111071, DCM,
"CAD Operating Point"), an ordinal; (371933006, SCT, "Normal Range Upper Limit"), for a
viewer shows two of those under one name.
"""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from cxrmlops.vocabulary.findings import Result
from cxrmlops.vocabulary.reasons import QualityFinding

ABNORMAL_RESULT = CodedConcept("408574004", "SCT", "Imaging result abnormal")
NORMAL_RESULT = CodedConcept("408573005", "SCT", "Imaging result normal")
EQUIVOCAL_RESULT = CodedConcept("408379005", "SCT", "Imaging result equivocal")
RESULT = {
    Result.ABNORMAL: ABNORMAL_RESULT,
    Result.EQUIVOCAL: EQUIVOCAL_RESULT,
    Result.NORMAL: NORMAL_RESULT,
}

NORMALITY = {
    Result.ABNORMAL: codes.SCT.Abnormal,
    Result.EQUIVOCAL: codes.SCT.NormalityUndetermined,
    Result.NORMAL: codes.SCT.Normal,
}
SIGNIFICANCE = {
    Result.ABNORMAL: codes.SCT.Significant,
    Result.EQUIVOCAL: codes.SCT.SignificanceUndetermined,
    Result.NORMAL: codes.SCT.NotSignificant,
}

CHEST = CodedConcept("816094009", "SCT", "Chest")
CHEST_RADIOGRAPH = CodedConcept("399208008", "SCT", "Plain X-ray of chest")
MEANING = CodedConcept("121050", "DCM", "Equivalent Meaning of Concept Name")

_OURS = "99CXRMLOPS"
CODING_SCHEME = CodingSchemeIdentificationItem(
    designator=_OURS,
    name="Codes of cxrmlops",
    responsible_organization="cxrmlops project",
)
BALANCED = CodedConcept("BALANCED", _OURS, "Balanced threshold")
HIGH_SENSITIVITY = CodedConcept("SENSITIVE", _OURS, "High-sensitivity threshold")
IMAGE_PROBABILITY = CodedConcept("IMAGE", _OURS, "Probability of this image")
NOT_EVALUABLE = CodedConcept("NOT-EVALUABLE", _OURS, "Images not evaluable")

# CID 6044, by the quality in the result row
QUALITY = {
    "ok": codes.DCM.UsableMeetsTheQualityControlStandard,
    "limited": codes.DCM.UsableDoesNotMeetTheQualityControlStandard,
    "unusable": codes.DCM.UnusableQualityRendersImageUnusable,
}

# CID 6135
QUALITY_FINDING = {
    QualityFinding.ARTIFACT: codes.DCM.ArtifactsOtherThanGridOrDetectorArtifact,
    QualityFinding.POSITIONING: codes.DCM.Positioning,
    QualityFinding.NO_IMAGE: codes.DCM.NoImage,
    QualityFinding.PROCESSING: codes.DCM.InappropriateImageProcessing,
    QualityFinding.OTHER_FAILURE: codes.DCM.OtherFailure,
    QualityFinding.UNKNOWN_FAILURE: codes.DCM.UnknownFailure,
}
