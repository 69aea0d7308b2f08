"""Pixels that went through a lossy compression say so for ever."""

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from cxrmlops.dicom.deidentification.lossy import say_lossy

JPEG, JPEG_LOSSLESS, JPEG_LS, JPEG_LS_NEAR, JPEG2000_LOSSLESS, JPEG2000, HTJ2K = (
    f"1.2.840.10008.1.2.4.{n}" for n in (50, 70, 80, 81, 90, 91, 203)
)


def said(syntax: str, source_says: str | None) -> str | None:
    made, source = Dataset(), Dataset()
    made.PixelData, source.PixelData = b"12345678", b"1234"
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = syntax
    if source_says is not None:
        made.LossyImageCompression = source.LossyImageCompression = source_says
    say_lossy(made, source)
    if made.get("LossyImageCompression") == "01" and source_says != "01":
        assert made.LossyImageCompressionRatio == 2
        assert made.LossyImageCompressionMethod.startswith("ISO_1")
    return made.get("LossyImageCompression")


@pytest.mark.parametrize("syntax", [JPEG, JPEG_LS_NEAR])
@pytest.mark.parametrize("source_says", [None, "00", "01"])
def test_a_lossy_syntax_is_lossy_whatever_the_header_says(syntax, source_says):
    assert said(syntax, source_says) == "01"


@pytest.mark.parametrize("syntax", [JPEG2000, HTJ2K])
def test_a_syntax_of_both_kinds_is_lossy_unless_the_header_denies_it(syntax):
    assert said(syntax, None) == "01"
    assert said(syntax, "00") == "00"


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG2000_LOSSLESS])
def test_a_lossless_syntax_changes_nothing(syntax):
    assert [said(syntax, says) for says in (None, "00", "01")] == [None, "00", "01"]
