"""Once lossy, always lossy: pixels written anew say what they went through."""

from pydicom.dataset import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)
from pydicom.valuerep import DS

from cxrmlops.dicom.read.attributes import text

_YES, _NO = "01", "00"
# to LossyImageCompressionMethod (PS3.3 C.7.6.1.1.5.1)
_ALWAYS = {
    JPEGBaseline8Bit: "ISO_10918_1",
    JPEGExtended12Bit: "ISO_10918_1",
    **{f"1.2.840.10008.1.2.4.{n}": "ISO_10918_1" for n in (52, 53, 54, 55, 56)},
    JPEGLSNearLossless: "ISO_14495_1",
}
_PERHAPS = {  # the file may say that it is not
    JPEG2000: "ISO_15444_1",
    JPEG2000MC: "ISO_15444_2",
    HTJ2K: "ISO_15444_15",
}


def say_lossy(made: Dataset, source: Dataset) -> None:
    """Mark a copy whose source is compressed with loss, or may be (PS3.3 C.7.6.1.1.5).

    Args:
        made: the copy with its pixels, uncompressed.
        source: with encoded pixels.
    """
    syntax = text(getattr(source, "file_meta", Dataset()), "TransferSyntaxUID")
    said_not = text(source, "LossyImageCompression") == _NO
    if not (syntax in _ALWAYS or (syntax in _PERHAPS and not said_not)):
        return
    made.LossyImageCompression = _YES
    if "LossyImageCompressionMethod" not in made:
        made.LossyImageCompressionMethod = (_ALWAYS | _PERHAPS)[syntax]
    if "LossyImageCompressionRatio" not in made:
        ratio = len(made.PixelData) / max(len(source.PixelData), 1)
        made.LossyImageCompressionRatio = DS(round(ratio, 2), auto_format=True)
