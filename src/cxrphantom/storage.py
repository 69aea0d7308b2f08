"""Developed values -> stored values, display tags and an encoded DICOM file."""

import io
import logging

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from cxrphantom.detector import display_curve
from cxrphantom.vendors import Vendor

logging.getLogger("openjpeg").setLevel(logging.WARNING)  # a line per tile otherwise

_REACH = 8.0  # developed values from -8 to 8 are kept where a curve follows


def store(dataset: Dataset, values: np.ndarray, vendor: Vendor) -> None:
    """Write developed values as the vendor does, so that viewers show one picture.

    Args:
        dataset: the header; gets pixels and the tags that say how to show them.
        values: shape (rows, columns), float32, as `detector.develop` returns them.
        vendor: chooses VOI, bits and photometric interpretation.
    """
    top = 2**vendor.bits_stored - 1
    low, high = round(0.06 * top), round(0.94 * top)
    curved = vendor.voi in ("window", "none")
    share = (
        display_curve(values) if curved else np.clip(values / _REACH, -1, 1) / 2 + 0.5
    )
    if vendor.voi == "none":  # readers stretch from percentile to percentile
        low, high = 0, top
    stored = np.rint(low + share * (high - low)).astype(np.uint16)
    inverted = vendor.photometric == "MONOCHROME1"
    if inverted:
        stored = (top - stored).astype(np.uint16)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = vendor.photometric
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored = 16, vendor.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = vendor.bits_stored - 1, 0
    dataset.PixelData = stored.astype("<u2").tobytes()
    if vendor.modality == "DX":
        dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    if inverted:
        low, high = top - high, top - low
    _voi(dataset, vendor, low, high)


def store_raw(dataset: Dataset, signal: np.ndarray) -> None:
    """Write detector signal FOR PROCESSING: 14 bits, logarithmic, no window."""
    share = np.clip(1 + np.log(signal) / 12, 0, 1)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.Rows, dataset.Columns = signal.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 14, 13
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationshipSign = 1
    dataset.PixelData = np.rint(share * 16383).astype("<u2").tobytes()


def encode(dataset: Dataset, syntax: UID) -> bytes:
    """Write a complete DICOM file in the transfer syntax (PS3.5, PS3.10)."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax.is_compressed and not syntax.is_deflated:
        plugin = "gdcm" if syntax == RLELossless else ""
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    if not dataset["PixelData"].is_undefined_length:
        dataset["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _voi(dataset: Dataset, vendor: Vendor, low: int, high: int) -> None:
    """Report how to show the stored values (PS3.3 C.11.2)."""
    if vendor.voi == "none":
        return
    if vendor.voi == "lut":
        dataset.VOILUTSequence = Sequence([_lut(low, high)])
        return
    centre, width = (low + high) / 2 + 0.5, high - low + 1
    if vendor.voi == "sigmoid":
        width = round((high - low) * 2 / _REACH)  # 1 / (1 + exp(-4 (x - c) / w))
        dataset.VOILUTFunction = "SIGMOID"
    dataset.WindowCenter, dataset.WindowWidth = f"{centre:g}", f"{width:g}"


def _lut(low: int, high: int) -> Dataset:
    """Tabulate the display curve over the stored range."""
    share = np.arange(high - low + 1) / (high - low)
    curve = display_curve((share - 0.5) * 2 * _REACH)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(share), low, 16])
    item.LUTExplanation = "CHEST"
    item.add_new("LUTData", "OW", np.rint(curve * 65535).astype("<u2").tobytes())
    return item
