"""
Coded concepts of our objects (PS3.16), each under one name.

Where a code stands and why it was chosen: the structured report follows TID 1500 and
TID 1501; the answers are SNOMED CT codes of CID 3209. (122411, DCM, "Threshold Value")
is not used for a threshold: its definition is a standard deviation of wall motion.
"""

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from cxrmlops.vocabulary.findings import Finding
from cxrmlops.vocabulary.reasons import QualityFinding

ABNORMAL_RESULT = CodedConcept("408574004", "SCT", "Imaging result abnormal")
NORMAL_RESULT = CodedConcept("408573005", "SCT", "Imaging result normal")
RESULT = {Finding.ASF: ABNORMAL_RESULT, Finding.NSF: NORMAL_RESULT}

NORMALITY = {Finding.ASF: codes.SCT.Abnormal, Finding.NSF: codes.SCT.Normal}
SIGNIFICANCE = {
    Finding.ASF: codes.SCT.Significant,
    Finding.NSF: codes.SCT.NotSignificant,
}

CHEST = CodedConcept("816094009", "SCT", "Chest")
CHEST_RADIOGRAPH = CodedConcept("399208008", "SCT", "Plain X-ray of chest")
UPPER_LIMIT = CodedConcept("371933006", "SCT", "Normal Range Upper Limit")
MEANING = CodedConcept("121050", "DCM", "Equivalent Meaning of Concept Name")

# CID 6044, by the quality in the result row
QUALITY = {
    "ok": codes.DCM.UsableMeetsTheQualityControlStandard,
    "limited": codes.DCM.UsableDoesNotMeetTheQualityControlStandard,
    "unusable": codes.DCM.UnusableQualityRendersImageUnusable,
}
QUALITY_RATING = {"ok": 100, "limited": 50, "unusable": 0}  # 0 worst, 100 best

# CID 6135
QUALITY_FINDING = {
    QualityFinding.ARTIFACT: codes.DCM.ArtifactsOtherThanGridOrDetectorArtifact,
    QualityFinding.POSITIONING: codes.DCM.Positioning,
    QualityFinding.NO_IMAGE: codes.DCM.NoImage,
    QualityFinding.PROCESSING: codes.DCM.InappropriateImageProcessing,
    QualityFinding.OTHER_FAILURE: codes.DCM.OtherFailure,
    QualityFinding.UNKNOWN_FAILURE: codes.DCM.UnknownFailure,
}
