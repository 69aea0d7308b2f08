"""Data sets that say what a test is about, and nothing else."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence


def said(**attributes: object) -> Dataset:
    """Build a data set of these attributes."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(value: str, meaning: str = "") -> Sequence:
    """Build a code sequence of one item."""
    return Sequence([said(CodeValue=value, CodeMeaning=meaning)])
