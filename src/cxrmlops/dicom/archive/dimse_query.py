"""Questions of C-FIND, C-GET and C-MOVE (PS3.4 C), and answers put together."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.foreign_code import reject_on_error
from cxrmlops.system.errors import Rejected

# What we ask of an image, to choose without fetching; servers leave out what they like
STUDY_KEYS = ("StudyDescription", "StudyDate", "PatientBirthDate", "PatientAge")
SERIES_KEYS = ("Modality", "SeriesDescription", "BodyPartExamined", "ProtocolName")
IMAGE_KEYS = (
    *("SOPClassUID", "ImageType", "Rows", "Columns", "NumberOfFrames"),
    *("PhotometricInterpretation", "PresentationIntentType", "ViewPosition"),
    *("PatientOrientation", "Manufacturer", "BodyPartExamined", "PatientAge"),
)


def return_keys(keywords: Sequence[str]) -> dict[str, str]:
    """Ask for the values of these attributes."""
    return dict.fromkeys(keywords, "")


def query_dataset(level: str, **keys: str) -> Dataset:
    """Ask at a level: STUDY, SERIES or IMAGE; an empty key asks for its value."""
    query = Dataset()
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value or None)
    return query


def decoded(row: Dataset) -> Dataset:
    """Convert every value now; one that cannot be converted was not told."""
    for tag in list(row.keys()):
        try:
            with reject_on_error("unreadable", "converting a value"):
                row[tag]
        except Rejected:
            del row[tag]
    return row


def merged_levels(*levels: Dataset) -> Dataset:
    """Join what each level told; the image's own word comes last."""
    merged = Dataset()
    for level in levels:
        merged.update({e.tag: e for e in level if not e.is_empty})
    return merged
