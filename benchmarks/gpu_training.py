"""
A whole training on a machine with nothing but PyTorch, from pictures and a table.

For a GPU box with torch, torchvision, lightning-fabric, safetensors, pandas, Pillow and
this folder: no pyarrow, pydicom, DVC or MLflow. It shows what the network learns and
how fast; it makes no bundle, since the pictures do not pass the pixel front end.

    PYTHONPATH=src python -m benchmarks.gpu_training FOLDER --size 512

FOLDER holds manifest.csv with the columns file, patient_id and label (1: any
significant finding), and the files it names.
"""

import argparse
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pictures import lesson, read_squares
from benchmarks.standard_recipe import RECIPE
from cxrmlops.model import inference
from cxrmlops.model.device import describe, open_fabric, repeatable
from cxrmlops.model.fitting import fit
from cxrmlops.model.learner import Hyperparameters, TrainState
from cxrmlops.model.network import build_network
from cxrmlops.model.training import auc

WORK = Path("bench/gpu_training")
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}  # of patients


def main() -> None:
    """Train, read the test patients once, print the figures as JSON."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    table = _assign(pd.read_csv(asked.folder / "manifest.csv"), seed=asked.seed)
    pictures = read_squares(table, asked.folder, size=asked.size)
    fabric = open_fabric(accelerator=asked.accelerator, precision=asked.precision)
    fabric.launch()
    lessons = {
        name: lesson(table, pictures, table.split == name, fabric.device)
        for name in SHARES
    }
    shutil.rmtree(WORK, ignore_errors=True)
    with repeatable(asked.seed, device=fabric.device):
        network = build_network(asked.architecture, weights=asked.weights)
        learner = TrainState(fabric, network, _recipe(asked))
        history = fit(
            learner,
            lessons["train"],
            lessons["val"],
            patience=asked.patience,
            work=WORK,
            on_epoch=lambda _: None,
        )
    test = lessons["test"]
    logit, _ = inference.read_squares(
        learner.network,
        test.images.read(np.arange(test.images.n)),
        device=fabric.device,
        batch_size=asked.batch_size,
    )
    figures = {
        "device": describe(fabric.device),
        "precision": learner.precision,
        "architecture": asked.architecture,
        "size": asked.size,
        "n": {name: lesson.images.n for name, lesson in lessons.items()},
        "epochs": len(history),
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
        "images_per_second": float(
            np.median([epoch.images_per_second for epoch in history])
        ),
        "test_auc": auc(logit, test.abnormal),
    }
    print(json.dumps(figures, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", default="resnet152")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--accelerator", default="auto", choices=["auto", "cpu", "gpu"])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _assign(table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Put every patient on one side."""
    patients = np.sort(table.patient_id.unique())
    np.random.default_rng(seed).shuffle(patients)
    ends = np.round(np.cumsum(list(SHARES.values())) * len(patients)).astype(int)
    side = np.repeat(list(SHARES), np.diff(ends, prepend=0))
    return table.assign(
        split=table.patient_id.map(dict(zip(patients, side, strict=True)))
    )


def _recipe(asked: argparse.Namespace) -> Hyperparameters:
    """Learn as params.yaml does, but for what is asked."""
    return replace(
        RECIPE,
        seed=asked.seed,
        epochs=asked.epochs,
        batch_size=asked.batch_size,
        learning_rate=asked.learning_rate,
    )


if __name__ == "__main__":
    main()
