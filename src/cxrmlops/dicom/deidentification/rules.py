"""
Which attributes leave the site, and as what. All others stay behind, unread.

PS3.15 Annex E names what has to go; a list of what may stay is shorter and also holds
for what the next edition adds, what vendors invent and what no dictionary knows. Every
action here fits table E.1-1 (2026c) with the options that `profile.py` states;
`tests/dicom/deidentification/test_table.py` holds the two together.
"""

from enum import Enum, auto


class Rule(Enum):
    """What becomes of an attribute that leaves."""

    KEEP = auto()  # numbers, defined terms, the maker's name
    UID = auto()  # its pseudonym
    DATE = auto()  # shifted
    EMPTY = auto()  # Type 2: there, and says nothing
    CODE = auto()  # items of coding schemes that everybody has
    ITEMS = auto()  # a sequence, its items by these rules
    CONTENT = auto()  # branches of a report's tree


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

FILM: dict[str, Rule] = dict.fromkeys(_KEPT, Rule.KEEP) | {
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
            "ReferencedPerformedProcedureStepSequence",
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

# What this program wrote itself, too: its sentences are known to name nobody
RESULT: dict[str, Rule] = FILM | {
    **dict.fromkeys(
        (
            *("SoftwareVersions", "RecognizableVisualFeatures", "ValueType"),
            *("RelationshipType", "ContinuityOfContent", "CompletionFlag"),
            *("VerificationFlag", "PreliminaryFlag", "MappingResource", "TextValue"),
            *("TemplateIdentifier", "NumericValue", "FloatingPointValue"),
            *("GraphicType", "GraphicData", "PixelOriginInterpretation"),
            *("CodingSchemeDesignator", "CodingSchemeName"),
            "CodingSchemeResponsibleOrganization",
        ),
        Rule.KEEP,
    ),
    **dict.fromkeys(("UID",), Rule.UID),
    **dict.fromkeys(("DateOfSecondaryCapture",), Rule.DATE),
    **dict.fromkeys(("PerformedProcedureCodeSequence",), Rule.EMPTY),
    **dict.fromkeys(
        (
            *("ConceptNameCodeSequence", "ConceptCodeSequence"),
            *("MeasurementUnitsCodeSequence", "NumericValueQualifierCodeSequence"),
        ),
        Rule.CODE,
    ),
    **dict.fromkeys(
        (
            *("ReferencedSOPSequence", "ReferencedSeriesSequence"),
            *("CurrentRequestedProcedureEvidenceSequence", "MeasuredValueSequence"),
            *("PredecessorDocumentsSequence", "ContentTemplateSequence"),
            "CodingSchemeIdentificationSequence",
        ),
        Rule.ITEMS,
    ),
    "ContentSequence": Rule.CONTENT,
}
