"""
How the AUC grows with the number of images to learn from, on patients never met.

A tenth of the patients is set aside; of the others, as many as hold the wanted number
of images are taken in one fixed random order, so that a larger set holds the smaller
one. Small sets are seen more often: each network takes at least --steps steps. The
last epoch is read; nothing is chosen by the images set aside.

    python -m benchmarks.learning_curve FOLDER 500 1000 2000 4000 8000

FOLDER holds manifest.csv with the columns file, patient_id and label (1: any
significant finding), and the files it names. Finished sizes are kept in --out.
"""

import argparse
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pictures import lesson, read_squares
from benchmarks.recipes import STRONG, said
from benchmarks.standard_recipe import RECIPE
from cxrmlops.evaluation.performance.thumbnail import read_thumbnails, shrink
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.model.device import open_fabric, repeatable
from cxrmlops.model.learner import TrainState
from cxrmlops.model.network import build_network
from cxrmlops.model.training import epochs, read_images

log = logging.getLogger("learning_curve")


def main() -> None:
    """Train a network per size; print a row of the table as each is ready."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asked.out.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(asked.folder / "manifest.csv")
    squares = read_squares(table, asked.folder, size=asked.size)
    rank = patient_rank(table.patient_id, seed=asked.seed)
    print(f"{asked.folder.name}: {len(table)} images, {asked}", flush=True)
    print("| images | patients | epochs | AUC | 16 x 16 thumbnail |")
    print("|---" * 5 + "|")
    for n in sorted(asked.images):
        split = sides(rank, n, test_share=asked.test_share)
        kept = asked.out / f"{n}.npy"
        if not kept.exists():
            np.save(kept, _read_by_a_new_network(asked, table, squares, split))
        judged = table[split == "test"]
        thumbnail = read_thumbnails(shrink(squares), table.label == 1, split)
        answers = [_auc(judged, score) for score in (np.load(kept), thumbnail)]
        learnt = split == "train"
        patients = table.patient_id[learnt].nunique()
        row = (learnt.sum(), patients, _epochs(asked, int(learnt.sum())), *answers)
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def patient_rank(patient_id: pd.Series, *, seed: int) -> np.ndarray:
    """Put patients in a random order; give each image the share of images before it.

    Args:
        patient_id: of each image, length n.
        seed: of the order.

    Returns:
        Shape (n,), float64 from 0 to below 1, alike for the images of a patient.
    """
    counts = patient_id.value_counts().sort_index()
    order = np.random.default_rng(seed).permutation(len(counts))
    before = np.empty(len(counts))
    before[order] = np.cumsum(counts.to_numpy()[order]) - counts.to_numpy()[order]
    share = pd.Series(before / len(patient_id), index=counts.index)
    return patient_id.map(share).to_numpy()


def sides(rank: np.ndarray, n: int, *, test_share: float) -> np.ndarray:
    """Name the side of each image: train, val (the last tenth), test, or "".

    Args:
        rank: of `patient_rank`.
        n: images of train and val together, or a few more (whole patients).
        test_share: of all images, the first ones.
    """
    behind = rank - test_share
    share = n / len(rank)
    chosen = [behind < 0, behind < 0.9 * share, behind < share]
    return np.select(chosen, ["test", "train", "val"], default="")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", nargs="+", type=int)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--epochs", type=int, default=12, help="at least")
    parser.add_argument("--steps", type=int, default=800, help="at least")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test-share", type=float, default=0.1, help="of the images")
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--out", type=Path, default=Path("bench/learning_curve"))
    return parser.parse_args()


def _epochs(asked: argparse.Namespace, n: int) -> int:
    a_round = math.ceil(n / RECIPE.batch_size)
    return max(asked.epochs, math.ceil(asked.steps / a_round))


def _read_by_a_new_network(
    asked: argparse.Namespace,
    table: pd.DataFrame,
    squares: np.ndarray,
    split: np.ndarray,
) -> np.ndarray:
    fabric = open_fabric(accelerator="auto", precision=asked.precision)
    fabric.launch()
    train, val, test = (
        lesson(table, squares, split == side, fabric.device)
        for side in ("train", "val", "test")
    )
    recipe = replace(
        RECIPE,
        seed=asked.seed,
        epochs=_epochs(asked, train.images.n),
        learning_rate=asked.rate,
        ema_decay=0.98,
        augmentation=STRONG,
    )
    with repeatable(recipe.seed, device=fabric.device):
        network = build_network(asked.architecture, weights=None)
        learner = TrainState(fabric, network, recipe)
        for epoch in epochs(learner, train, val):
            log.info(
                "%d images: epoch %d of %d, val AUC %.3f, %.0f images/s",
                train.images.n,
                epoch.epoch,
                recipe.epochs,
                epoch.val_auc,
                epoch.images_per_second,
            )
        return read_images(learner, test.images)


def _auc(judged: pd.DataFrame, score: np.ndarray) -> str:
    abnormal = judged.label.to_numpy() == 1
    found = auc_interval(score, abnormal, judged.patient_id.to_numpy())
    return f"{said(found)}, n = {found.n}"


if __name__ == "__main__":
    main()
