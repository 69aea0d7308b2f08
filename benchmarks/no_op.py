"""
How long `dvc repro` and `cxrmlops --help` take when there is nothing to do.

    python -m benchmarks.no_op 112120
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.pixels import display_picture
from cxrmlops.quickstart.demo import copy_checkout
from cxrphantom.reference import reference_datasets

IMAGES = 20_000
SIDE, CLOUD = 96, 0.35  # pixels; share of a picture that is cloud
FOLDER = Path("bench/no_op")
REPEATS = 3

PARAMS = {
    "preprocess": {"size": 32},
    "validate": {
        "min_rows": 16,
        "min_columns": 16,
        "max_unknown_view": 1.0,
        "max_quarantined": 1.0,
    },
    "train": {
        "architecture": "resnet18_narrow",
        "weights": None,
        "epochs": 1,
        "batch_size": 256,
    },
    "evaluate": {"bootstrap_rounds": 100},
}
SITE = {"source": "nih", "films": "data/raw/films", "reports": "data/raw/entry.csv"}


def measure(images: int = IMAGES) -> dict[str, float]:
    """Build the graph once for so many films, then time runs with nothing to do.

    Returns:
        Seconds, best of `REPEATS`: `dvc_repro_no_op`, `help`.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    copy_checkout(FOLDER)
    _write_settings()
    _write_images(images)
    _run(sys.executable, "-m", "dvc", "repro", "--quiet")
    return {
        "dvc_repro_no_op": min(
            _run(sys.executable, "-m", "dvc", "repro") for _ in range(REPEATS)
        ),
        "help": min(
            _run(sys.executable, "-m", "cxrmlops.cli", "--help") for _ in range(REPEATS)
        ),
    }


def _write_settings() -> None:
    params = yaml.safe_load((FOLDER / "params.yaml").read_text())
    for section, changes in PARAMS.items():
        params[section] |= changes
    site = yaml.safe_load((FOLDER / "site.yaml").read_text()) | SITE
    (FOLDER / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (FOLDER / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))


def _write_images(count: int) -> None:
    """Write made-up films under clouds: films to our checks, and no two alike."""
    images = FOLDER / "data/raw/films"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    films = [_small(film) for film in reference_datasets(4)]
    rows = []
    for number in range(count):
        name = f"{number:08d}_000.png"
        cloud = Image.fromarray(rng.integers(256, size=(8, 8), dtype=np.uint8))
        cloud = cloud.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        Image.blend(films[number % 4], cloud, CLOUD).save(images / name)
        rows.append(
            {
                "Image Index": name,
                "Finding Labels": "Nodule" if number % 2 else "No Finding",
                "Follow-up #": 0,
                "Patient ID": number,
                "Patient Age": 40 + number % 40,
                "Patient Gender": "F" if number % 3 else "M",
                "View Position": "AP" if number % 5 else "PA",
            }
        )
    pd.DataFrame(rows).to_csv(FOLDER / "data/raw/entry.csv", index=False)


def _small(film: Dataset) -> Image.Image:
    grey = (255 * display_picture(film).image).astype(np.uint8)
    return Image.fromarray(grey).resize((SIDE, SIDE))


def _run(*command: str) -> float:
    surroundings = os.environ | {
        "CXR_PSEUDONYM_KEY": "bench",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    start = time.perf_counter()
    subprocess.run(
        command, cwd=FOLDER, env=surroundings, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:])))
