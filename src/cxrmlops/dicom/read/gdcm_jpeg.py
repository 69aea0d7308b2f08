"""
JPEG Lossless, what most CR and DX films are compressed with, and JPEG of 12 bits.

Decoded by gdcm (PS3.5 A.4.1, A.4.2). pydicom's road through gdcm forbids 12 bits and
turns the pixels into text and back, which costs as much as decoding; here they are
taken from gdcm's memory.
"""

import ctypes

import gdcm
import numpy as np
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
)

from cxrmlops.system.errors import Rejected

_LOSSLESS = (JPEGLossless, JPEGLosslessSV1)
_SEQUENTIAL = (JPEGBaseline8Bit, JPEGExtended12Bit)
_EXTENDED = 12  # bits at most of a sequential frame (T.81 table B.2)
_SHIFTED = 1 << 15  # what gdcm adds to frames that claim 16
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()
_PIXEL_DATA = gdcm.Tag(0x7FE0, 0x0010)


def is_ours(syntax: UID, precision: int) -> bool:
    """Tell frames that this module decodes by transfer syntax and bits per sample."""
    return syntax in _LOSSLESS or (syntax in _SEQUENTIAL and precision > 8)


def decode_jpeg(
    frame: bytes, syntax: UID, *, rows: int, columns: int, samples: int, precision: int
) -> np.ndarray:
    """Decode one frame whose codestream agrees with these numbers.

    Args:
        frame: the codestream.
        syntax: transfer syntax.
        rows: of the picture.
        columns: of the picture.
        samples: per pixel, 1 or 3.
        precision: bits per sample as the codestream says.

    Returns:
        Shape (rows, columns) or (rows, columns, samples), uint8 or uint16. JPEG
        Lossless may exceed its precision: its differences are modulo 2^16 (T.81
        H.2.1).

    Raises:
        Rejected: `undecodable`.
    """
    grey = gdcm.PhotometricInterpretation
    codec = gdcm.JPEGCodec()
    codec.SetNumberOfDimensions(2)
    codec.SetDimensions((columns, rows, 1))
    codec.SetPlanarConfiguration(0)
    codec.SetPhotometricInterpretation(
        grey(grey.MONOCHROME2 if samples == 1 else grey.RGB)
    )
    allocated = 8 if precision <= 8 else 16
    codec.SetPixelFormat(
        gdcm.PixelFormat(samples, allocated, precision, precision - 1, 0)
    )
    decoded = gdcm.DataElement(_PIXEL_DATA)
    if not codec.Decode(_encapsulated(frame), decoded):
        raise Rejected("undecodable", "damaged JPEG codestream")
    values = _values(decoded, (rows, columns, samples))
    return values if syntax in _LOSSLESS else _twelve_bits(values)


def _twelve_bits(values: np.ndarray) -> np.ndarray:
    """Return samples of 12 bits.

    Quirk: gdcm as encoder writes 16 into the frame header of 12 bits, and as decoder
    leaves such samples half a range of 16 bits too high.
    """
    if values.mean() < _SHIFTED / 2:
        return values
    low = np.maximum(values, _SHIFTED) - np.uint16(_SHIFTED)
    return np.minimum(low, np.uint16((1 << _EXTENDED) - 1))


def _encapsulated(frame: bytes) -> gdcm.DataElement:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(_PIXEL_DATA)
    element.SetValue(fragments.__ref__())
    return element


def _values(decoded: gdcm.DataElement, shape: tuple[int, int, int]) -> np.ndarray:
    """Copy the pixels out of gdcm's memory, which ends with `decoded`."""
    found = decoded.GetByteValue()
    length = 0 if found is None else int(str(found.GetLength()))
    pixels = shape[0] * shape[1] * shape[2]
    size = length // pixels  # an odd length is padded by one byte
    if size not in (1, 2) or length - pixels * size > 1:
        raise Rejected("undecodable", "JPEG codestream ends early")
    raw = ctypes.string_at(int(found.GetVoidPointer()), pixels * size)
    values = np.frombuffer(raw, "<u1" if size == 1 else "<u2").reshape(shape)
    return values[..., 0] if shape[2] == 1 else values
