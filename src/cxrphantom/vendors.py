"""Invented vendors: how each makes a picture and how each writes it down."""

from dataclasses import dataclass

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cxrphantom.detector import Processing


@dataclass(frozen=True)
class Vendor:
    """One invented maker of X-ray systems."""

    manufacturer: str
    model: str
    modality: str  # CR or DX
    bedside: bool  # a mobile system
    photometric: str  # MONOCHROME1 or MONOCHROME2
    bits_stored: int
    transfer_syntax: UID
    voi: str  # window, sigmoid, lut or none
    scale: float  # size of the pixel matrix, relative to the cohort's `side`
    portrait: float  # rows over columns
    charset: str  # SpecificCharacterSet
    marker: tuple[float, float]  # place of the side marker: down, across (0-1)
    processing: Processing


VENDORS = (
    Vendor(
        "Northlight Imaging",
        "Aurora 4300",
        "DX",
        False,
        "MONOCHROME2",
        14,
        ExplicitVRLittleEndian,
        "window",
        1.0,
        1.0,
        "ISO_IR 192",
        (0.06, 0.88),
        Processing(0.19, 18000, 0.45, 0.47, 0.5, 3.7),
    ),
    Vendor(
        "Halcyon Medical",
        "Clarus DR",
        "DX",
        False,
        "MONOCHROME1",
        12,
        JPEG2000Lossless,
        "window",
        1.08,
        1.17,
        "ISO_IR 100",
        (0.10, 0.92),
        Processing(0.24, 14000, 0.55, 0.37, 0.4, 3.3),
    ),
    Vendor(
        "Ferrum Radiography",
        "Plate One",
        "CR",
        False,
        "MONOCHROME1",
        10,
        ImplicitVRLittleEndian,
        "none",
        0.94,
        1.22,
        "ISO_IR 100",
        (0.05, 0.10),
        Processing(0.30, 9000, 0.8, 0.32, 0.3, 3.1),
    ),
    Vendor(
        "Kestrel R\u00f6ntgen",
        "KR 12",
        "CR",
        False,
        "MONOCHROME2",
        12,
        RLELossless,
        "lut",
        1.0,
        1.0,
        "ISO_IR 192",
        (0.07, 0.12),
        Processing(0.26, 10000, 0.75, 0.52, 0.5, 3.8),
    ),
    Vendor(
        "Meridian Mobile",
        "Rover 2",
        "DX",
        True,
        "MONOCHROME2",
        16,
        JPEGLSLossless,
        "sigmoid",
        1.0,
        0.86,
        "ISO_IR 192",
        (0.08, 0.90),
        Processing(0.47, 10000, 0.55, 0.57, 0.5, 3.7),
    ),
    Vendor(
        "Ferrum Radiography",
        "Plate Mobile",
        "CR",
        True,
        "MONOCHROME1",
        10,
        ExplicitVRLittleEndian,
        "window",
        0.94,
        1.22,
        "ISO_IR 100",
        (0.90, 0.10),
        Processing(0.55, 7000, 0.85, 0.37, 0.3, 3.1),
    ),
    Vendor(
        "Northlight Imaging",
        "Aurora Go",
        "DX",
        True,
        "MONOCHROME2",
        12,
        DeflatedExplicitVRLittleEndian,
        "window",
        1.0,
        1.0,
        "ISO_IR 192",
        (0.06, 0.88),
        Processing(0.42, 12000, 0.5, 0.47, 0.5, 3.6),
    ),
)
