"""
What reading in another precision changes, and what it saves, on real films.

A network learns from seven in ten patients; val, every second of the others, gives
temperature and thresholds in fp32; then val and the rest are read in fp32 and in every
other way that this CPU has, maps included. The ways take turns, so that another program
slows all alike: the ratio means something, the images per second alone do not.

    python -m benchmarks.precisions FOLDER --architecture resnet18 --size 128 --keep OUT

FOLDER holds manifest.csv with the columns file, patient_id and label (1: any
significant finding), and the files it names. OUT keeps the trained weights; with
`--weights OUT/weights.safetensors --epochs 0` they are measured again.
"""

import argparse
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from benchmarks.pictures import lesson, read_squares
from benchmarks.standard_recipe import RECIPE
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model import inference
from cxrmlops.model.agreement import compare
from cxrmlops.model.bundle import Bundle, BundleCard
from cxrmlops.model.device import describe, open_fabric, repeatable
from cxrmlops.model.inference import Answers, Reader, calibrated
from cxrmlops.model.learner import TrainState
from cxrmlops.model.network import EvidenceResNet, build_network
from cxrmlops.model.precision import FP32, WAYS, Choice, missing
from cxrmlops.model.training import auc, epochs
from cxrmlops.vocabulary.scope import make_scope

TURNS, TIMED = 3, 48  # rounds, and films of each
SCOPE = make_scope(["CHEST"], min_age_years=18, max_file_mib=1, max_pixels=10**6)

log = logging.getLogger("precisions")


def main() -> None:
    """Train or load, read val and the rest both ways, print figures as JSON."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    table = _assign(pd.read_csv(asked.folder / "manifest.csv"))
    squares = read_squares(table, asked.folder, size=asked.size)
    network = _trained(asked, table, squares)
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
        state = {k: v.contiguous() for k, v in network.state_dict().items()}
        save_file(state, asked.keep / "weights.safetensors")
    val = (table.split == "val").to_numpy()
    bundle = _calibrated(network, squares[val], table.label[val].to_numpy() == 1, asked)
    readers = {
        way: Reader(bundle, accelerator="cpu", choice=Choice(way))
        for way in (FP32, *WAYS)
        if not missing(way, torch.device("cpu"))
    }
    figures = {"architecture": asked.architecture, "size": asked.size}
    for side in ("val", "test"):
        those = (table.split == side).to_numpy()
        answers = {way: one.read(squares[those]) for way, one in readers.items()}
        abnormal = table.label[those].to_numpy() == 1
        figures[side] = {
            way: _apart(answers[FP32], one, abnormal, bundle)
            for way, one in answers.items()
        }
    figures["speed"] = _speed(readers, squares[:TIMED])
    print(json.dumps(figures, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10, help="0: as --weights are")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--weights", default=None, help=".safetensors to begin with")
    parser.add_argument("--training-precision", default="bf16-mixed")
    parser.add_argument("--keep", type=Path, help="folder for the trained weights")
    return parser.parse_args()


def _assign(table: pd.DataFrame) -> pd.DataFrame:
    """Put every patient on one side: seven tenths train, the others val and test."""
    patients = np.sort(table.patient_id.unique())
    np.random.default_rng(0).shuffle(patients)
    side = np.repeat(["test", "train", "val"], [3, 14, 3])
    of = {name: side[k % len(side)] for k, name in enumerate(patients)}
    return table.assign(split=table.patient_id.map(of))


def _trained(
    asked: argparse.Namespace, table: pd.DataFrame, squares: np.ndarray
) -> EvidenceResNet:
    fabric = open_fabric(accelerator="auto", precision=asked.training_precision)
    fabric.launch()
    recipe = replace(
        RECIPE, epochs=asked.epochs, learning_rate=asked.rate, ema_decay=0.98
    )
    sides = [
        lesson(table, squares, (table.split == side).to_numpy(), fabric.device)
        for side in ("train", "val")
    ]
    with repeatable(recipe.seed, device=fabric.device):
        network = build_network(asked.architecture, weights=asked.weights)
        if not asked.epochs:
            return network.eval()
        learner = TrainState(fabric, network, recipe)
        for epoch in epochs(learner, *sides):
            log.info("epoch %d, val AUC %.3f", epoch.epoch, epoch.val_auc)
    log.info("trained on %s", describe(fabric.device))
    return learner.average.module.eval().cpu()


def _calibrated(
    network: EvidenceResNet,
    squares: np.ndarray,
    abnormal: np.ndarray,
    asked: argparse.Namespace,
) -> Bundle:
    """Fit temperature, shift and thresholds to val in fp32, image by image."""
    device = network.bias.device
    logit, _ = inference.read_squares(network, squares, device=device, batch_size=8)
    split = np.full(len(logit), "val")
    fitted = fit_temperature(logit, abnormal, split)
    network.shift(fitted.shift)
    probability = calibrated(logit + fitted.shift, temperature=fitted.temperature)
    card = BundleCard(
        name=f"cxr-{asked.architecture}-{asked.size}",
        architecture=asked.architecture,
        size=asked.size,
        preprocessing_hash="0" * 64,
        scope=SCOPE,
        temperature=fitted.temperature,
        study_rule="max",
        operating_points=choose_points(
            probability, abnormal, split, high_sensitivity=0.98
        ),
        lineage={},
    )
    return Bundle(network, card, "", {})


def _apart(
    exact: Answers, other: Answers, abnormal: np.ndarray, bundle: Bundle
) -> dict[str, object]:
    found = compare(
        exact,
        other,
        precision="",
        device="cpu",
        points=bundle.card.operating_points,
    )
    apart = np.abs(exact.probability - other.probability)
    return {
        "auc": auc(other.logit, abnormal),
        "difference_percentiles": {
            str(p): float(np.percentile(apart, p)) for p in (50, 90, 95, 99, 100)
        },
        "agreement": asdict(found) | {"obstacle": found.obstacle},
    }


def _speed(readers: Mapping[str, Reader], squares: np.ndarray) -> dict[str, object]:
    """Let the readers take turns; images per second, and ratios to fp32."""
    rounds = []
    for reader in readers.values():
        reader.read(squares[:8])
    for _ in range(TURNS):
        taken = {}
        for name, reader in readers.items():
            start = time.perf_counter()
            reader.read(squares)
            taken[name] = len(squares) / (time.perf_counter() - start)
        rounds.append(taken)
    ratios = {
        way: float(np.median([one[way] / one[FP32] for one in rounds]))
        for way in readers
    }
    return {"images_per_second": rounds, "ratio": ratios}


if __name__ == "__main__":
    main()
