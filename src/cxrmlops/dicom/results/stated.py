"""What the headers of one study's films state together."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.projection import view


def stated(images: Sequence[Dataset], keyword: str) -> list[str]:
    """Return each text that the films have in this attribute, once, in their order."""
    found = (text(image, keyword) for image in images)
    return list(dict.fromkeys(value for value in found if value))


def without_view(images: Sequence[Dataset]) -> int:
    """Count the films of which no attribute says from which side they were taken."""
    return sum(view(image) == "unknown" for image in images)
