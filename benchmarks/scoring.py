"""
Images per second from DICOM on disk to SR and overlay on disk, against two others.

The bare forward pass is what the network costs when everything else is free; the usual
script is what people write. All in one run on one machine, so that ratios mean
something; the images per second alone do not.
"""

import datetime as dt
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydicom.dataset import Dataset

from benchmarks import usual_script
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint
from cxrmlops.model.bundle import BundleCard, read_bundle, write_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.network import build_network
from cxrmlops.params import load_params, load_site
from cxrmlops.stages import report, score
from cxrmlops.synthetic.reference import reference_datasets

FOLDER = Path("bench/scoring")
ARCHITECTURE = "resnet152"
FILM_SIDE = 2048  # pixels
FILMS = {512: 12, 224: 24}  # network input -> films: enough that start-up is small
USUAL_FILMS = 6


def measure(size: int) -> dict[str, float]:
    """Score films at one network input size in four ways.

    Args:
        size: pixels per side of the network's square.

    Returns:
        Images per second of `ours`, `bare`, `usual`, `usual_channels_last`; seconds per
        image of our `score_stage` and `report_stage`.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    films = _write_films(FOLDER / "films", FILMS[size])
    bundle = _write_bundle(FOLDER / "bundle", size)
    figures = {"bare": _bare(bundle, size, len(films))} | _ours(bundle, films)
    for name, channels_last in (("usual", False), ("usual_channels_last", True)):
        figures[name] = usual_script.images_per_second(
            films[:USUAL_FILMS], FOLDER / name, size=size, channels_last=channels_last
        )
    return figures


def _write_films(folder: Path, number: int) -> list[Path]:
    """Write large films: a few made-up ones, enlarged, each with its own noise."""
    folder.mkdir(parents=True)
    templates = reference_datasets(4)
    rng = np.random.default_rng(0)
    paths = []
    for index in range(number):
        path = folder / f"{index:03d}.dcm"
        film = _enlarged(templates[index % 4], index, rng)
        film.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _enlarged(film: Dataset, index: int, rng: np.random.Generator) -> Dataset:
    small = film.pixel_array
    times = FILM_SIDE // small.shape[0] + 1
    large = np.kron(small, np.ones((times, times), small.dtype))[:FILM_SIDE, :FILM_SIDE]
    noisy = large.astype(np.int64) + rng.integers(-2, 3, large.shape)
    top = 2**film.BitsStored - 1
    film = film.copy()
    film.Rows, film.Columns = large.shape
    film.PixelData = np.clip(noisy, 0, top).astype(small.dtype).tobytes()
    film.StudyInstanceUID = f"2.25.{10_000 + index}"
    film.SeriesInstanceUID = f"2.25.{20_000 + index}"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = (
        f"2.25.{index + 1}"
    )
    return film


def _write_bundle(folder: Path, size: int) -> Path:
    """Write a bundle with random weights: speed does not depend on what they know."""
    torch.manual_seed(0)
    network = build_network(ARCHITECTURE).train()
    for norm in network.modules():  # one that has seen nothing lets numbers explode
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = None  # the first batch alone counts
    with torch.no_grad():
        network(torch.rand(8, 1, 128, 128))
    card = BundleCard(
        name="bench",
        architecture=ARCHITECTURE,
        size=size,
        preprocessing_hash=preprocessing_hash(size=size),
        temperature=1.0,
        study_rule="max",
        operating_points=(
            OperatingPoint(BALANCED, 0.0, "every film gets a map"),
            OperatingPoint(HIGH_SENSITIVITY, 0.0, "every film gets a map"),
        ),
        lineage={},
    )
    write_bundle(folder, network.eval(), card=card, reference={})
    return folder


def _bare(bundle: Path, size: int, number: int) -> float:
    """Time the forward pass alone, on squares that lie in memory."""
    params = load_params().score
    reader = Reader(
        read_bundle(bundle),
        accelerator=params.accelerator,
        batch_size=params.batch_size,
    )
    squares = np.random.default_rng(0).integers(0, 255, (number, size, size), np.uint8)
    reader.read(squares[:2])
    start = time.perf_counter()
    reader.read(squares)
    return number / (time.perf_counter() - start)


def _ours(bundle: Path, films: Sequence[Path]) -> dict[str, float]:
    params, site = load_params(), load_site()
    start = time.perf_counter()
    score.run(
        films=films,
        bundle=bundle,
        out=FOLDER / "score",
        params=params.score,
        chest_words=site.chest_words,
        started=dt.datetime(2024, 1, 31, tzinfo=dt.UTC),
    )
    scored = time.perf_counter()
    report.run(
        score=FOLDER / "score", out=FOLDER / "report", params=params.report, site=site
    )
    end = time.perf_counter()
    return {
        "ours": len(films) / (end - start),
        "score_stage": (scored - start) / len(films),
        "report_stage": (end - scored) / len(films),
    }
