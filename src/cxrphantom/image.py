"""One film: a patient in front of a system -> developed values and a dataset."""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from cxrphantom.detector import Processing, detect, develop
from cxrphantom.exposure import attenuation
from cxrphantom.findings import Finding
from cxrphantom.headers import Exam, Shot, write_header
from cxrphantom.rays import FRONTAL, LATERAL, Geometry
from cxrphantom.storage import store, store_raw
from cxrphantom.thorax import Traits
from cxrphantom.vendors import Vendor

IMAGE_WIDTH = (330.0, 430.0)  # mm at the detector, narrowest and widest field

_LETTERS = {  # 5 x 7 dots, as lead letters on a film
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


@dataclass(frozen=True)
class Picture:
    """One exposed and developed film."""

    values: np.ndarray  # shape (rows, columns), float32, as `detector.develop` returns
    signal: np.ndarray  # the same film before processing
    spacing: float  # mm per pixel
    planted: np.ndarray | None = None  # (rows, columns) bool, where findings lie


def expose(
    traits: Traits,
    findings: tuple[Finding, ...],
    vendor: Vendor,
    rng: np.random.Generator,
    *,
    view: str,
    side: int,
) -> Picture:
    """Take one film of a patient.

    Args:
        traits: the patient.
        findings: of the study.
        vendor: the system used.
        rng: draws position, breath, exposure and noise.
        view: PA, AP or LL (left lateral).
        side: pixels of a square film's side, before the vendor's own scale.
    """
    geometry = _position(traits, vendor, rng, view=view, side=side)
    breath = np.clip(rng.normal(0.78 if vendor.bedside else 0.90, 0.08), 0.58, 1.05)
    rays = attenuation(
        traits, findings, geometry, rng, breath=float(breath), bedside=vendor.bedside
    )
    processing = _vary(vendor.processing, rng)
    field = _collimate(geometry, rng)
    signal = detect(
        rays.exponent, processing, rng, field=field, spacing=geometry.spacing
    )
    level = float(rng.normal(0, 0.35))
    values = develop(signal, processing, spacing=geometry.spacing, level=level)
    _mark(values, vendor, rng, view)
    return Picture(values, signal, geometry.spacing, _within(rays.planted, field))


def make_image(picture: Picture, exam: Exam, shot: Shot, vendor: Vendor) -> Dataset:
    """Put a picture into the vendor's DICOM object."""
    dataset = write_header(exam, shot, vendor)
    if shot.raw:
        store_raw(dataset, picture.signal)
    else:
        store(dataset, picture.values, vendor)
    return dataset


def _position(
    traits: Traits, vendor: Vendor, rng: np.random.Generator, *, view: str, side: int
) -> Geometry:
    """Place patient, source and detector; nobody stands quite straight."""
    columns = round(side * vendor.scale * min(1, 1 / vendor.portrait) / 2) * 2
    rows = round(columns * vendor.portrait / 2) * 2
    back = traits.depth + traits.fat + 30
    body = 2.0 * (traits.breadth + traits.fat + 15) * (1.22 if view == "AP" else 1.09)
    field = float(np.clip(body * rng.uniform(0.84, 1.02), *IMAGE_WIDTH))
    spacing = max(field / columns, 1.22 * traits.height / rows)
    loose = 1.8 if vendor.bedside else 1.0
    if view == "LL":
        out = traits.breadth + traits.fat + 40
        axis, source, detector = LATERAL, -(1800 - out), out
        columns = round(columns * 0.41) * 2  # the beam is narrowed to the body
    elif view == "PA":
        axis, source, detector = FRONTAL, 1800 - back, -back
    else:
        axis, source, detector = FRONTAL, -(1100 - back), back
    return Geometry(
        axis=axis,
        source=source,
        detector=detector,
        rows=rows,
        columns=columns,
        spacing=spacing,
        centre=(rng.normal(0, 7 * loose), rng.normal(-6, 9 * loose)),
        yaw=rng.normal(0, 0.035 * loose),
        tilt=rng.normal(0.1 if view == "AP" else 0.0, 0.04 * loose),
        roll=rng.normal(0, 0.02 * loose),
    )


def _vary(usual: Processing, rng: np.random.Generator) -> Processing:
    """Change the vendor's usual settings a little, as technicians do."""
    return Processing(
        scatter=usual.scatter * rng.uniform(0.8, 1.25),
        quanta=usual.quanta * float(np.exp(rng.normal(0, 0.35))),
        sharpness=usual.sharpness,
        equalise=float(np.clip(usual.equalise + rng.normal(0, 0.06), 0.05, 0.6)),
        edges=max(0.1, usual.edges + rng.normal(0, 0.1)),
        contrast=usual.contrast * float(np.exp(rng.normal(0, 0.14))),
    )


def _collimate(
    geometry: Geometry, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Leave 0 to 4.5 % of the film outside the beam on each side."""
    cut = np.maximum(rng.uniform(-0.12, 0.045, 4), 0)
    rows, columns = geometry.rows, geometry.columns
    top, bottom = int(cut[0] * rows), rows - int(cut[1] * rows)
    return top, bottom, int(cut[2] * columns), columns - int(cut[3] * columns)


def _within(planted: np.ndarray, field: tuple[int, int, int, int]) -> np.ndarray:
    """Keep what lies in the beam."""
    top, bottom, left, right = field
    seen = np.zeros_like(planted)
    seen[top:bottom, left:right] = planted[top:bottom, left:right]
    return seen


def _mark(
    values: np.ndarray, vendor: Vendor, rng: np.random.Generator, view: str
) -> None:
    """Lay a lead letter on the film: the side of the patient it stands on."""
    rows, columns = values.shape
    down, across = vendor.marker
    letter = "L" if across > 0.5 or view == "LL" else "R"
    dots = np.array([[int(dot) for dot in line] for line in _LETTERS[letter]])
    size = max(1, round(rows / 160))
    stamp = np.kron(dots, np.ones((size, size)))
    top = int((down + rng.normal(0, 0.012)) * rows)
    left = int((across + rng.normal(0, 0.012)) * columns)
    top = int(np.clip(top, 2, rows - stamp.shape[0] - 2))
    left = int(np.clip(left, 2, columns - stamp.shape[1] - 2))
    window = values[top : top + stamp.shape[0], left : left + stamp.shape[1]]
    window[stamp > 0] = values.max()
