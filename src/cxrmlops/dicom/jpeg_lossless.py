"""
JPEG Lossless (PS3.5 A.4.2), what most CR and DX films are compressed with.

Decoded by gdcm. pydicom's road through gdcm turns the pixels into text and back, which
costs as much as decoding; here they are taken from gdcm's memory.
"""

import ctypes

import gdcm
import numpy as np
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from cxrmlops.errors import Rejected

SYNTAXES = (JPEGLossless, JPEGLosslessSV1)
_PIXEL_DATA = gdcm.Tag(0x7FE0, 0x0010)


def decode_lossless(
    frame: bytes,
    *,
    rows: int,
    columns: int,
    samples: int,
    bits_allocated: int,
    bits_stored: int,
) -> np.ndarray:
    """Decode one frame whose codestream agrees with these numbers.

    Returns:
        Shape (rows, columns) or (rows, columns, samples), uint8 or uint16.

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
    codec.SetPixelFormat(
        gdcm.PixelFormat(samples, bits_allocated, bits_stored, bits_stored - 1, 0)
    )
    decoded = gdcm.DataElement(_PIXEL_DATA)
    if not codec.Decode(_encapsulated(frame), decoded):
        raise Rejected("undecodable", "damaged JPEG Lossless codestream")
    return _values(decoded, (rows, columns, samples))


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
        raise Rejected("undecodable", "JPEG Lossless codestream ends early")
    raw = ctypes.string_at(int(found.GetVoidPointer()), pixels * size)
    values = np.frombuffer(raw, "<u1" if size == 1 else "<u2").reshape(shape)
    return values[..., 0] if shape[2] == 1 else values
