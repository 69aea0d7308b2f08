"""
Films that the line must refuse, each for one reason.

Kinds are named after the reasons of `cxrmlops.dicom.read.acceptance`; a truncated file
is `undecodable`: its header is whole.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from cxrphantom.blur import blur
from cxrphantom.detector import detect, develop
from cxrphantom.image import Picture
from cxrphantom.rays import FRONTAL, Geometry, splat
from cxrphantom.skeleton import strap
from cxrphantom.vendors import Vendor

WITH_STUDY = (  # beside a study's good film
    "for_processing",
    "duplicate",
    "truncated",
    "inverted",
    "blank",
    "not_cr_dx",
)
ALONE = ("child", "not_chest")  # a study of its own
SHARE = 0.06  # of studies with a film of WITH_STUDY
SHARE_ALONE = 0.02  # studies of ALONE per regular study


def blank_picture(picture: Picture, rng: np.random.Generator) -> Picture:
    """Expose the detector with nobody in the beam."""
    noise = rng.normal(0, 0.002, picture.values.shape).astype(np.float32)
    flat = np.full_like(picture.values, -6)
    return Picture(flat + noise, np.exp(noise), picture.spacing)


def invert_tag(dataset: Dataset) -> None:
    """Call a MONOCHROME2 film MONOCHROME1 or the reverse; pixels stay."""
    plain = dataset.PhotometricInterpretation == "MONOCHROME2"
    dataset.PhotometricInterpretation = "MONOCHROME1" if plain else "MONOCHROME2"
    if "PresentationLUTShape" in dataset:
        dataset.PresentationLUTShape = "INVERSE" if plain else "IDENTITY"


def disguise(dataset: Dataset) -> None:
    """Turn a film into a screenshot: Secondary Capture."""
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]


def truncate(content: bytes) -> bytes:
    """Lose the end of a file, as an interrupted transfer does."""
    return content[: int(0.55 * len(content))]


def hand(vendor: Vendor, rng: np.random.Generator, *, side: int) -> Picture:
    """Take a film of a hand: soft tissue, five rays of small bones, a wrist."""
    geometry = Geometry(
        FRONTAL, 1000.0, -12.0, side, round(side * 0.8 / 2) * 2, 250 / side
    )
    parts = [_finger(angle, reach) for angle, reach in _FINGERS]
    parts.append(_bone(np.array([0, 0, -125]), np.array([-2, 0, -45]), 20))
    parts.append(_bone(np.array([-22, 0, -125]), np.array([-16, 0, -45]), 15))
    points = np.concatenate([part[0] for part in parts])
    volume = np.concatenate([part[1] for part in parts])
    skeleton = splat(points, volume, geometry)
    flesh = np.clip(blur(skeleton, 9) * 9, 0, 22)
    exponent = 0.022 * flesh + 0.05 * skeleton
    everything = (0, geometry.rows, 0, geometry.columns)
    settings = vendor.processing
    signal = detect(exponent, settings, rng, field=everything, spacing=geometry.spacing)
    values = develop(signal, settings, spacing=geometry.spacing, level=0.0)
    return Picture(values, signal, geometry.spacing)


_FINGERS = ((0.75, 62.0), (0.22, 88.0), (0.02, 96.0), (-0.18, 88.0), (-0.38, 70.0))


def _finger(angle: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    heading = np.array([np.sin(angle), 0, np.cos(angle)])
    start = np.array([12 * angle, 0, -38.0])
    parts = []
    for share, width in ((0.55, 11.0), (0.36, 9.5), (0.24, 8.0), (0.16, 6.5)):
        end = start + heading * reach * share
        parts.append(_bone(start, end, width))
        start = end + 3 * heading
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _bone(
    start: np.ndarray, end: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    t = np.linspace(0, 1, 120)[:, None]
    outward = np.tile([0.0, 1.0, 0.0], (120, 1))
    return strap(start + t * (end - start), outward, width, 0.8 * width)
