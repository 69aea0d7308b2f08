"""
Which attributes leave the site, and as what. All others stay behind, unread.

PS3.15 Annex E names what has to go; a list of what may stay is shorter and also holds
for what the next edition adds, what vendors invent and what no dictionary knows. Every
action here fits table E.1-1 (2026c) with the options that `profile.py` states;
`tests/dicom/deidentification/test_rules.py` holds the two together.
"""

from enum import Enum, auto


class Rule(Enum):
    """What becomes of an attribute that leaves."""

    KEEP = auto()  # numbers, defined terms, the maker's name
    UID = auto()  # its pseudonym
    DATE = auto()  # shifted
    EMPTY = auto()  # Type 2: there, and says nothing
    CODE = auto()  # codes that the standard lists
    ITEMS = auto()  # a sequence, its items by these rules


_KEPT = (
    # which kind of film, of what
    *("ImageType", "Modality", "PresentationIntentType", "BodyPartExamined"),
    *("ViewPosition", "Laterality", "ImageLaterality", "PatientOrientation"),
    *("SeriesNumber", "AcquisitionNumber", "InstanceNumber", "ConversionType"),
    *("Manufacturer", "ManufacturerModelName", "BurnedInAnnotation"),
    # how it was taken
    *("KVP", "Exposure", "ExposureInuAs", "ExposureTime", "ExposureTimeInuS"),
    *("XRayTubeCurrent", "XRayTubeCurrentInuA", "DistanceSourceToDetector"),
    *("DistanceSourceToPatient", "EstimatedRadiographicMagnificationFactor"),
    *("FocalSpots", "Grid", "PositionerType", "DetectorType", "ExposureIndex"),
    *("TargetExposureIndex", "DeviationIndex", "RelativeXRayExposure", "Sensitivity"),
    *("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"),
    *("PixelSpacingCalibrationType", "PixelAspectRatio"),
    # how its pixels are shown
    *("RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth"),
    *("VOILUTFunction", "PresentationLUTShape", "PixelIntensityRelationship"),
    *("PixelIntensityRelationshipSign", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("LossyImageCompression", "LossyImageCompressionRatio"),
    *("LossyImageCompressionMethod", "LUTDescriptor", "LUTData", "RescaleType"),
    *("ModalityLUTType",),
)

RULES: dict[str, Rule] = dict.fromkeys(_KEPT, Rule.KEEP) | {
    **dict.fromkeys(
        (
            *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
            *("FrameOfReferenceUID", "ReferencedSOPClassUID"),
            *("ReferencedSOPInstanceUID",),
        ),
        Rule.UID,
    ),
    **dict.fromkeys(
        ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), Rule.DATE
    ),
    **dict.fromkeys(
        (
            *("StudyTime", "ContentTime", "AccessionNumber", "StudyID"),
            *("ReferringPhysicianName", "PatientBirthDate"),
            *("AcquisitionContextSequence", "PositionReferenceIndicator"),
        ),
        Rule.EMPTY,
    ),
    **dict.fromkeys(
        (
            *("ViewCodeSequence", "ViewModifierCodeSequence", "AnatomicRegionSequence"),
            *("AnatomicRegionModifierSequence", "PurposeOfReferenceCodeSequence"),
        ),
        Rule.CODE,
    ),
    **dict.fromkeys(
        ("ModalityLUTSequence", "VOILUTSequence", "SourceImageSequence"), Rule.ITEMS
    ),
}
