"""
A night against the bare forward pass of the same network, and against usual scripts.

The night is the real flow: DICOM files in the backlog, claimed, read, SR and overlay
written and delivered, reading list, with its ledger and its Prefect. The bare pass is
what the network costs when everything else is free. They take turns in one process, so
that another program on the machine slows both alike; the ratio means something, the
images per second alone do not.

    python -m benchmarks.scoring FOLDER SIZE PRECISION
"""

import datetime as dt
import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
from pydicom.dataset import Dataset

from benchmarks import night, steps, usual_script
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.precision import Choice
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.stages import report, score
from cxrphantom.reference import reference_datasets

FOLDER = Path("bench/scoring")
ARCHITECTURE = "resnet152"
IMAGE_SIDE = 2048  # pixels
TURNS = 3  # short and long nights
IMAGES = {512: 50, 224: 100}  # network input -> films by which a night is longer
SHORT = 50  # films of a short night: one chunk of params.yaml
WARM, PROFILED = 8, 6  # films
APART = 2 * usual_script.BATCH  # films that no night reads
SCRIPTS: dict[str, tuple[dict[str, bool], int]] = {  # -> how it is written, films
    "usual": ({}, 3),
    "usual_channels_last": ({"channels_last": True}, 3),
    "batched": ({"channels_last": True, "batched": True}, APART),
}


def measure(size: int, precision: str) -> dict[str, float]:
    """Measure one network input size in a process of its own.

    Args:
        size: pixels per side of the network's square.
        precision: `fp32` or `bf16`, of the night and of the bare pass; scripts are in
            32 bit.

    Returns:
        Images per second of `ours`, `bare` and each of `SCRIPTS`; CPU seconds per film
        by process (`cpu_...`); milliseconds per film by step.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    said = night.in_own_process("benchmarks.scoring", FOLDER, size, precision)
    return json.loads(said)


def main() -> None:
    """Measure in the folder as asked; print the figures as one line."""
    folder, size, precision = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with redirect_stdout(sys.stderr):
        images = write_images(folder / "films", _images_needed(size))
        bundle = night.write_random_bundle(
            folder / "bundle", architecture=ARCHITECTURE, size=size
        )
        nights, rest = images[:-APART], images[-APART:]
        with night.site(folder / "site", score={"precision": precision}):
            figures = _against_bare(bundle, nights, size, precision)
            figures |= _profile(bundle, rest[:PROFILED])
        for name, (written, count) in SCRIPTS.items():
            figures[name] = usual_script.images_per_second(
                rest[:count], folder / name, size=size, **written
            )
    print(json.dumps(figures))


def _images_needed(size: int) -> int:
    return WARM + TURNS * (2 * SHORT + IMAGES[size]) + APART


def _against_bare(
    bundle: Path, images: list[Path], size: int, precision: str
) -> dict[str, float]:
    """Let a short night, a bare pass and a long night take turns.

    What a night costs once (Prefect's start, model check, made-up film, reading list)
    is in both nights; their difference is what its further films cost.
    """
    count = IMAGES[size]
    _night(bundle, images[:WARM])  # loads the model, starts workers and Prefect
    reader = Reader(read_bundle(bundle), choice=Choice(precision))
    squares = np.random.default_rng(0).integers(0, 255, (count, size, size), np.uint8)
    reader.read(squares[:WARM])
    left, turns = iter(images[WARM:]), []
    for _ in range(TURNS):
        short, spent_short = _night(bundle, list(islice(left, SHORT)))
        start, before = time.perf_counter(), time.process_time()
        reader.read(squares)
        bare, cpu_bare = time.perf_counter() - start, time.process_time() - before
        long, spent_long = _night(bundle, list(islice(left, SHORT + count)))
        cpu = {
            f"cpu_{name}": spent_long[name] - spent_short[name] for name in spent_long
        }
        ours = long - short
        turns.append(
            {"seconds": ours, "seconds_bare": bare, "cpu_bare": cpu_bare} | cpu
        )
        print(
            f"seconds of {count} films: bare {bare}, ours {ours}, short night {short}"
        )
    each = {
        name: float(np.median([one[name] for one in turns])) / count
        for name in turns[0]
    }
    ratios = [one["seconds_bare"] / one["seconds"] for one in turns]
    return each | {
        "ours": 1 / each["seconds"],
        "bare": 1 / each["seconds_bare"],
        "ratio": float(np.median(ratios)),
        "once": short - SHORT * each["seconds"],
    }


def _night(bundle: Path, images: Sequence[Path]) -> tuple[float, dict[str, float]]:
    """Return the seconds and CPU seconds of a night over these films."""
    night.arrive(images)
    return night.run(bundle, images=len(images))


def _profile(bundle: Path, images: Sequence[Path]) -> dict[str, float]:
    """Time the steps of both stages, one film after the other in this process."""
    params, site = load_params(), load_site()

    def read(those: Sequence[Path], out: Path) -> None:
        score.run(
            paths=those,
            bundle=bundle,
            out=out,
            params=params.score,
            scope=scope_of(params.cohort, site),
            started=dt.datetime(2024, 1, 31, tzinfo=dt.UTC),
        )

    def write(out: Path) -> None:
        report.run(score=out, out=out / "report", params=params.report, site=site)

    with patch.dict("os.environ", CXR_WORKERS="0"):
        first, others = Path("first"), Path("others")
        read(images[:1], first)
        write(first)  # loads what all need
        reading = steps.profile(
            steps.READING, lambda: read(images[1:], others), images=len(images) - 1
        )
        writing = steps.profile(
            steps.WRITING, lambda: write(others), images=len(images) - 1
        )
    return {f"read: {name}": ms for name, ms in reading.items()} | {
        f"write: {name}": ms for name, ms in writing.items()
    }


def write_images(folder: Path, number: int, *, side: int = IMAGE_SIDE) -> list[Path]:
    """Write films: a few made-up ones, enlarged, each with its own noise and UIDs."""
    folder.mkdir(parents=True)
    templates = reference_datasets(4)
    rng = np.random.default_rng(0)
    paths = []
    for index in range(number):
        path = folder / f"{index:05d}.dcm"
        image = _enlarged(templates[index % 4], index, rng, side)
        image.save_as(path, enforce_file_format=True)
        paths.append(path.absolute())
    return paths


def _enlarged(
    image: Dataset, index: int, rng: np.random.Generator, side: int
) -> Dataset:
    small = image.pixel_array
    times = -(-side // small.shape[0])
    large = np.kron(small, np.ones((times, times), small.dtype))[:side, :side]
    noisy = large.astype(np.int64) + rng.integers(-2, 3, large.shape)
    top = 2**image.BitsStored - 1
    image = image.copy()
    image.Rows, image.Columns = large.shape
    image.PixelData = np.clip(noisy, 0, top).astype(small.dtype).tobytes()
    image.StudyInstanceUID = f"2.25.{10_000_000 + index}"
    image.SeriesInstanceUID = f"2.25.{20_000_000 + index}"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = (
        f"2.25.{30_000_000 + index}"
    )
    return image


if __name__ == "__main__":
    main()
