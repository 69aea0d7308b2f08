"""Synthetic inputs. A builder's arguments are the quirks a test is about."""

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from cxrmlops.tables import IMAGES, INDEX, SPLITS, VALIDATED


def make_cxr(
    values: np.ndarray | None = None,  # (rows, columns) stored values
    *,
    photometric: str = "MONOCHROME2",
    bits: int = 12,
    window: tuple[float, float] | None = None,  # centre, width
) -> Dataset:
    """Build a DX image: a gradient unless `values` are given."""
    if values is None:
        values = np.tile(np.linspace(0, 2**bits - 1, 8), (4, 1))
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid()
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = 0
    if window:
        ds.WindowCenter, ds.WindowWidth = window
    ds.PixelData = values.astype("<u2").tobytes()
    return ds


def make_images(*, patients: int = 10, per_patient: int = 1) -> pd.DataFrame:
    """Build a cohort table; every second patient is abnormal, one image a study."""
    rows = [
        {
            "image_id": f"{p:08x}{k:08x}",
            "study_id": f"S{p:03d}{k}",
            "patient_id": f"P{p:03d}",
            "path": f"{p}/{k}.dcm",
            "bytes": 1,
            "mtime_ns": 1,
            "source": "hospital",
            "view": "PA" if (p // 2) % 2 else "AP",
            "portable": "no",
            "sex": "F" if (p // 4) % 2 else "M",
            "age_years": 50.0 + p % 40,
            "manufacturer": "Alpha",
            "year": 2017,
            "findings": "nodule" if p % 2 == 0 else "",
            "abnormal": p % 2 == 0,
        }
        for p in range(patients)
        for k in range(per_patient)
    ]
    return IMAGES.from_rows(rows)


def make_index(images: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Build the preprocess index of `images`: everything decoded, hashes all unlike."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "image_id": image_id,
            "rejected": "",
            "detail": "",
            "shard": 0,
            "row": row,
            "rows": 1024,
            "columns": 1024,
            "bits_stored": 12,
            "photometric_interpretation": "MONOCHROME2",
            "voi": "window",
            "mean": 0.5,
            "std": 0.2,
            "p01": 0.02,
            "p50": 0.5,
            "p99": 0.98,
            "black": 0.01,
            "white": 0.01,
            "border": 0.2,
            "pixel_hash": rng.bytes(32).hex(),
            "perceptual_hash": rng.bytes(32).hex(),
        }
        for row, image_id in enumerate(images.image_id)
    ]
    return INDEX.from_rows(rows)


def make_validated(*, patients: int = 10, per_patient: int = 1) -> pd.DataFrame:
    """Build what `validate` hands on."""
    images = make_images(patients=patients, per_patient=per_patient)
    frame = images.merge(make_index(images), on="image_id", suffixes=("", "_film"))
    return frame[list(VALIDATED.columns)].astype(VALIDATED.columns)


def make_splits(*, patients: int = 30, per_patient: int = 1) -> pd.DataFrame:
    """Build a split by patient, 70/20/10 in the order of patients."""
    frame = make_validated(patients=patients, per_patient=per_patient)
    number = frame.patient_id.str[1:].astype(int) / patients
    split = np.select([number < 0.7, number < 0.9], ["train", "val"], "test")
    return frame.assign(group=frame.patient_id, split=split).astype(SPLITS.columns)
