"""Synthetic inputs. A builder's arguments are the quirks a test is about."""

import atexit
import datetime as dt
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from cxrmlops.data.image_file import open_image
from cxrmlops.dicom.archive.transfer import RemoteImage
from cxrmlops.dicom.read.pixels import Picture
from cxrmlops.dicom.read.source import LIMITS, Limits
from cxrmlops.dicom.results.answers import ImageAnswer, StudyAnswer
from cxrmlops.params import Site, TrainParams, load_params, load_site, scope_of
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.split import SideCounts, SplitManifest
from cxrmlops.records.tables import (
    IMAGES,
    INDEX,
    SPLITS,
    STUDIES,
    VALIDATED,
    WATCHED,
)
from cxrmlops.vocabulary.findings import OperatingPoint
from cxrmlops.vocabulary.watched import NUMBERS, WORDS

if TYPE_CHECKING:
    from cxrmlops.model.network import EvidenceResNet

_ROOT = Path(__file__).parent.parent
# What the settings that we ship ask for: a bundle made for it is read by any project.
SCOPE = scope_of(
    load_params(_ROOT / "params.yaml").cohort, load_site(_ROOT / "site.yaml")
)


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
            "perceptual_hash": rng.bytes(64).hex(),
        }
        for row, image_id in enumerate(images.image_id)
    ]
    return INDEX.from_rows(rows)


def make_validated(*, patients: int = 10, per_patient: int = 1) -> pd.DataFrame:
    """Build what `validate` hands on."""
    images = make_images(patients=patients, per_patient=per_patient)
    frame = images.merge(make_index(images), on="image_id", suffixes=("", "_image"))
    return frame[list(VALIDATED.columns)].astype(VALIDATED.columns)


def make_splits(*, patients: int = 30, per_patient: int = 1) -> pd.DataFrame:
    """Build a split by patient, 70/20/10 in the order of patients."""
    frame = make_validated(patients=patients, per_patient=per_patient)
    number = frame.patient_id.str[1:].astype(int) / patients
    split = np.select([number < 0.7, number < 0.9], ["train", "val"], "test")
    return frame.assign(group=frame.patient_id, split=split).astype(SPLITS.columns)


def make_image(number: int = 1, **attributes: object) -> Dataset:
    """Build the header of a chest DX; `attributes` overwrite, None takes one away."""
    image = Dataset()
    image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.7"
    image.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.7.1"
    image.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.7.1.{number}"
    values: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Synthetic^Case",
        "PatientID": "SYN0001",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyDate": "20240501",
        "StudyTime": "101500",
        "StudyID": "1",
        "AccessionNumber": "ACC123",
        "ReferringPhysicianName": "",
        "Modality": "DX",
        "Manufacturer": "Alpha",
        "BodyPartExamined": "CHEST",
        "PatientOrientation": ["L", "F"],
        "ImagerPixelSpacing": [0.5, 0.25],
        "Rows": 512,
        "Columns": 480,
    } | attributes
    for keyword, value in values.items():
        if value is not None:
            setattr(image, keyword, value)
    return image


def make_model_identity(*, balanced: float = 0.4137) -> ModelIdentity:
    """Say which model read; nobody trained it."""
    return ModelIdentity(
        name="cxr-test",
        bundle_hash="ab" * 32,
        key=f"cxr-test|{'ab' * 32}",
        architecture="resnet18",
        size=128,
        preprocessing_hash="cd" * 32,
        temperature=1.25,
        study_rule="max",
        operating_points=(
            OperatingPoint("balanced", balanced, "equal recalls on val"),
            OperatingPoint("high_sensitivity", 0.083, "recall ASF 0.98 on val"),
        ),
    )


def make_study_answer(
    *probabilities: float, images: list[Dataset] | None = None, reason: str = "blank"
) -> StudyAnswer:
    """Answer a study of these films; without probabilities it is not evaluable."""
    images = images or [make_image(n + 1) for n in range(max(1, len(probabilities)))]
    answers = [
        ImageAnswer(image, probabilities[n], "ok")
        if probabilities
        else ImageAnswer(image, None, "unusable", reason)
        for n, image in enumerate(images)
    ]
    return StudyAnswer(
        tuple(answers),
        max(probabilities) if probabilities else None,
        dt.datetime(2026, 5, 2, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    )


def make_studies(
    n: int = 200,
    *,
    separation: float = 2.5,  # of the logits' means; 2.5: AUC about .96
    split: str = "test",
    seed: int = 0,
) -> pd.DataFrame:
    """Build calibrated answers about n studies of n patients, half of them abnormal."""
    rng = np.random.default_rng(seed)
    abnormal = np.arange(n) % 2 == 0
    logit = separation * (rng.normal(size=n) + separation * (abnormal - 0.5))
    kinds = np.array(["nodule", "effusion", "consolidation|effusion"])
    draw = {
        "view": rng.choice(["PA", "AP"], n),
        "portable": rng.choice(["yes", "no"], n),
        "sex": rng.choice(["F", "M"], n),
        "age_years": rng.uniform(18, 95, n),
        "manufacturer": rng.choice(["Alpha", "Beta"], n),
        "source": "hospital",
        "year": rng.choice([2017, 2018], n),
        "findings": np.where(abnormal, rng.choice(kinds, n), ""),
    }
    names = {
        "study_id": [f"S{k:05d}" for k in range(n)],
        "patient_id": [f"P{k:05d}" for k in range(n)],
        "split": split,
        "abnormal": abnormal,
        "n_images": 1,
        "logit": logit,
        "probability": 1 / (1 + np.exp(-logit)),
    }
    return pd.DataFrame(names | draw)[list(STUDIES.columns)].astype(STUDIES.columns)


def make_site(folder: Path, **quirks: object) -> Site:
    """Build the settings of a hospital whose films lie in folder/films."""
    values: dict[str, object] = {
        "name": "north",
        "institution": "",
        "language": "en",
        "time_zone": "UTC",
        "source": "hospital",
        "films": folder / "films",
        "reports": folder / "reports.csv",
        "chest_words": list(SCOPE.chest_words),
        "backlog": folder / "backlog",
        "archive": f"folder:{folder / 'archive'}",
    }
    return Site.model_validate(values | quirks)


def make_chest_image(
    *, study: str = "1.2.3", patient: str = "MRN-1", **attributes: object
) -> Dataset:
    """Build a frontal chest DX of an adult, made on 2017-06-01, ready to be saved."""
    image = make_cxr()
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.1"
    image.AccessionNumber, image.PatientID = f"A-{study}", patient
    image.PatientName, image.PatientSex, image.PatientAge = "Canary^Tweety", "F", "050Y"
    image.StudyDate, image.Modality, image.ViewPosition = "20170601", "DX", "PA"
    image.BodyPartExamined, image.Manufacturer = "CHEST", "Alpha"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.ImageType = ["ORIGINAL", "PRIMARY", ""]
    image.SamplesPerPixel = 1
    for name, value in attributes.items():
        setattr(image, name, value)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def read_any_image(path: Path, *, limits: Limits = LIMITS) -> Picture:
    """Decode an image, whatever its header says and whatever it shows."""
    scope = replace(SCOPE, max_bytes=limits.max_bytes, max_pixels=limits.max_pixels)
    with open_image(path, scope=scope) as image:
        return image.decode()


def save_image(image: Dataset, path: Path) -> Path:
    """Write a film as a DICOM file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path


def make_reading_bundle(folder: Path, **choices: Any) -> Path:
    """Give a copy of what `write_reading_bundle` writes: hundreds of tests want one."""
    shutil.copytree(_written_once(repr(choices), **choices), folder, dirs_exist_ok=True)
    return folder


_WRITTEN: dict[str, Path] = {}


def _written_once(choice: str, **choices: Any) -> Path:
    if choice not in _WRITTEN:
        folder = Path(tempfile.mkdtemp(prefix="cxr-bundle-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _WRITTEN[choice] = write_reading_bundle(folder / "bundle", **choices)
    return _WRITTEN[choice]


def write_reading_bundle(
    folder: Path,
    *,
    seed: int = 0,
    size: int = 64,
    limit: float | None = None,
    reference: Mapping[str, np.ndarray] = MappingProxyType({}),
    **card_quirks: object,
) -> Path:
    """Write the bundle of an untrained network for films of the current front end.

    With a limit, films whose features' mean square is above it are unfamiliar to it.
    What is given as `reference` stands in place of its own.
    """
    from cxrmlops.data.preprocess import preprocessing_hash
    from cxrmlops.model.bundle import BundleCard, write_bundle
    from cxrmlops.model.ensemble import joined
    from cxrmlops.model.out_of_distribution import Familiar
    from cxrmlops.model.skew import skew_logit
    from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint

    card = BundleCard(
        name=f"cxr-resnet18-{size}",
        architecture="resnet18_narrow",
        size=size,
        preprocessing_hash=preprocessing_hash(size=size),
        scope=SCOPE,
        temperature=1.0,
        study_rule="max",
        operating_points=(
            OperatingPoint(BALANCED, 0.5, "untrained"),
            OperatingPoint(HIGH_SENSITIVITY, 0.2, "untrained"),
        ),
        lineage={"seed": seed},
    )
    card = replace(card, **card_quirks)
    network = joined([untrained_network(seed + k) for k in range(card.networks)])
    arrays = {"skew_logit": skew_logit(network, size), **reference}
    if limit is not None:
        d = card.networks * (8 + 16 + 32 + 64)  # channels of its stages
        origin, axis = np.zeros(d), np.eye(1, d)
        plain = Familiar(origin, np.ones(d), axis, np.ones(1), noise=1.0, limit=limit)
        arrays |= plain.to_arrays()
    write_bundle(folder, network, card=card, reference=arrays)
    return folder


@lru_cache(maxsize=2)
def untrained_network(seed: int) -> "EvidenceResNet":
    """Draw the weights of a narrow ResNet-18; callers share it and change nothing."""
    import torch

    from cxrmlops.model.network import build_network

    torch.manual_seed(seed)
    return build_network("resnet18_narrow")


def make_shifted_bundle(folder: Path, *, size: int = 64) -> Path:
    """Write a bundle whose answers to its own test films are another machine's."""
    from cxrmlops.model.skew import skew_logit

    shifted = skew_logit(untrained_network(0), size) + 1
    return write_reading_bundle(folder, size=size, reference={"skew_logit": shifted})


def make_remote_image(image: Path, *, is_complete: bool) -> RemoteImage:
    """Make what an archive would tell of this film."""
    header = dcmread(image)
    return RemoteImage(
        header.StudyInstanceUID,
        header.SeriesInstanceUID,
        header.SOPInstanceUID,
        header,
        is_complete=is_complete,
    )


def make_train_inputs(
    folder: Path,
    *,
    patients: int = 30,
    per_study: int = 1,  # of each study
    size: int = 32,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Write data/preprocess and data/split: a bright square marks abnormal films."""
    images = make_splits(patients=patients, per_patient=per_study)
    images["study_id"] = ("S" + images.patient_id).astype("string")
    rng = np.random.default_rng(seed)
    squares = rng.integers(0, 120, (len(images), size, size)).astype(np.uint8)
    squares[images.abnormal, size // 4 : size // 2, size // 4 : size // 2] += 100
    preprocess, split = folder / "preprocess", folder / "split"
    preprocess.mkdir(parents=True)
    np.save(preprocess / "shard-000.npy", squares)
    facts = make_preprocessing(size=size, n=len(images))
    facts.write(preprocess / "preprocessing.json")
    INDEX.write(make_index(images), preprocess)
    SPLITS.write(images, split)
    make_manifest().write(split / "manifest.json")
    return preprocess, split


def make_preprocessing(**quirks: Any) -> Preprocessing:
    """Say how films became squares; nobody made them."""
    facts = {"hash": "0" * 64, "size": 32, "scope": SCOPE, "n": 30, "rejected": {}}
    return Preprocessing(**facts | quirks)


def make_manifest(**quirks: Any) -> SplitManifest:
    """Say how patients were divided; nobody divided them."""
    side = SideCounts(images=1, studies=1, patients=1, abnormal_studies=1)
    facts = {
        "policy": "patient",
        "seed": 1,
        "hash": "1" * 64,
        "test_hash": "2" * 64,
        "n": dict.fromkeys(("train", "val", "test"), side),
        "groups_of_several_patients": 0,
        "leaking_patients": 0,
    }
    return SplitManifest(**facts | quirks)


def make_train_params(**quirks: object) -> TrainParams:
    """Build the section train as params.yaml has it, but small."""
    params = load_params(Path(__file__).parent.parent / "params.yaml").train
    small = {
        "architecture": "resnet18_narrow",
        "weights": None,
        "learning_rate": 3e-4,
        "stem_rate": 1.0,
        "epochs": 2,
        "batch_size": 8,
    }
    return TrainParams(**params.model_dump() | small | quirks)  # type: ignore[arg-type]


def make_readable_image(
    number: int = 1, *, study: str = "1", **attributes: object
) -> Dataset:
    """Build a film with lungs, spine and noise: one the model may read."""
    values = make_lungs(seed=number)
    image = make_cxr(values)
    square = {"ImagerPixelSpacing": [0.25, 0.25], "Rows": None, "Columns": None}
    header = make_image(number, **square | attributes)
    image.update({element.tag: element for element in header})
    image.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{study}"
    image.SeriesInstanceUID = f"{image.StudyInstanceUID}.1"
    image.SOPInstanceUID = f"{image.SeriesInstanceUID}.{number}"
    image.AccessionNumber = attributes.get("AccessionNumber", f"ACC{study}")
    image.PatientAge, image.ViewPosition = attributes.get("PatientAge", "054Y"), "PA"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.ImageType = ["ORIGINAL", "PRIMARY", ""]
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def make_lungs(*, rows: int = 160, columns: int = 140, seed: int = 0) -> np.ndarray:
    """Draw stored values of a crude chest: shape (rows, columns), 12 bits."""
    y, x = np.mgrid[0:rows, 0:columns]
    y, x = y / rows, x / columns
    picture = 0.55 + 0.25 * np.exp(-(((x - 0.5) / 0.1) ** 2))
    for centre in (0.27, 0.73):
        picture -= 0.35 * (((x - centre) / 0.17) ** 2 + ((y - 0.45) / 0.32) ** 2 < 1)
    picture[:, : columns // 20] = picture[:, -(columns // 20) :] = 0.05
    noise = np.random.default_rng(seed).normal(0, 0.01, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 1) * 4095, np.uint16)


def make_thorax(
    *,
    rows: int = 256,
    columns: int = 240,
    lungs: float = 0.2,  # grey
) -> np.ndarray:
    """Draw a rough frontal chest: shape (rows, columns), float32, 0-1, air dark."""
    down, across = np.mgrid[0 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    grey = 0.45 + 0.25 * down + 0.02 * np.sin(40 * down)
    spread = ((np.abs(across) - 0.45) / 0.3) ** 2 + ((down - 0.42) / 0.33) ** 2
    grey = np.where(spread < 1, lungs + 0.1 * spread, grey)
    grey = np.where(np.abs(across) < 0.12, 0.78 + 0.02 * np.sin(40 * down), grey)
    grey = np.where(np.abs(across) > 0.95, 0.05, grey)
    grey += np.random.default_rng(0).normal(0, 0.01, grey.shape)
    return np.clip(grey, 0, 1).astype(np.float32)


def make_watched(n: int, *, seed: int = 0, rejected: int = 0) -> pd.DataFrame:
    """Draw n studies as the watch compares them, the first `rejected` not evaluable."""
    rng = np.random.default_rng(seed)
    words = {
        name: rng.choice(["A", "B"], n, p=[0.6, 0.4]).tolist() if n else []
        for name in WORDS
    }
    numbers = {name: rng.normal(0.5, 0.1, n) for name in NUMBERS}
    outcome = ["rejected" if i < rejected else "scored" for i in range(n)]
    kind = ["not_evaluable" if i < rejected else "" for i in range(n)]
    rows = pd.DataFrame({"outcome": outcome, "kind": kind, **words, **numbers})
    rows = rows[list(WATCHED.columns)].astype(WATCHED.columns)
    source = pd.Series("here", index=rows.index, dtype="string")
    return rows.assign(source=source, flagged=rows.logit > 0.5)
