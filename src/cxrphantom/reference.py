"""
A few fixed images: templates of benchmarks, and what `cxrmlops` ships for comparisons.

    python -m cxrphantom.reference src/cxrmlops/data/reference_images 8
"""

import argparse
import datetime as dt
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from cxrphantom.findings import Finding
from cxrphantom.headers import Exam, Shot
from cxrphantom.image import expose, make_image
from cxrphantom.people import Person, made_uid
from cxrphantom.thorax import draw_traits
from cxrphantom.vendors import VENDORS

_DAY = dt.date(2018, 1, 15)
_FINDINGS = (
    (),
    (Finding("nodule", 0.8, 0, 3),),
    (),
    (Finding("consolidation", 0.8, 1, 5),),
    (Finding("effusion", 0.8, 0, 7),),
    (Finding("pneumothorax", 0.8, 1, 9),),
    (Finding("cardiomegaly", 0.8, 1, 11),),
)


def reference_datasets(n: int = 4, *, side: int = 320) -> list[Dataset]:
    """Make `n` films, normal and abnormal, one vendor after the other.

    Args:
        n: how many; each has its own patient and finding.
        side: pixels of a square film's side.

    Returns:
        Complete DICOM datasets, Explicit VR Little Endian, the same on every call.
    """
    return [_image(number, side) for number in range(n)]


def write_reference_images(folder: Path, n: int) -> None:
    """Write `n` of them as 0.dcm, 1.dcm, ..., JPEG-LS lossless."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(reference_datasets(n)):
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def _image(number: int, side: int) -> Dataset:
    rng = np.random.default_rng([20240131, number])
    vendor = VENDORS[number % len(VENDORS)]
    findings = _FINDINGS[number % len(_FINDINGS)]
    sex, view = ("F", "M")[number % 2], "AP" if vendor.bedside else "PA"
    traits = draw_traits(rng, sex=sex, age=40.0 + 9 * (number % 5))
    picture = expose(traits, findings, vendor, rng, view=view, side=side)
    person = Person(f"REF{number:03d}", "Reference", "Film", sex, dt.date(1970, 1, 1))
    study = made_uid(20240131, "reference", number)
    exam = Exam(person, study, f"REF{number:03d}", _DAY, 600)
    shot = Shot(made_uid(20240131, "reference image", number), 1, view, picture.spacing)
    dataset = make_image(picture, exam, shot, vendor)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def main() -> None:
    """Write them where the command line says."""
    asked = argparse.ArgumentParser(
        prog="python -m cxrphantom.reference",
        description="Write made-up reference images as DICOM files.",
        epilog="Example: python -m cxrphantom.reference src/cxrmlops/data/"
        "reference_images 8",
    )
    asked.add_argument("folder", type=Path, help="made if absent")
    asked.add_argument("n", type=int, help="how many")
    options = asked.parse_args()
    write_reference_images(options.folder, options.n)


if __name__ == "__main__":
    main()
