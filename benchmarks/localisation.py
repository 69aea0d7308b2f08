"""
Do maps point at what was drawn? Pooling and output stride compared, on val alone.

Networks learn from the patients of three folds of five and are read on the two others
after their last epoch, with calibration and thresholds fitted on those two, as the
stage `train` does; nothing is chosen by the boxes.

    python -m benchmarks.localisation FOLDER mean/32 log_sum_exp/32 log_sum_exp/16

FOLDER holds manifest.csv with the columns file, patient_id, label (1: any significant
finding) and, where there is one, view; boxes.csv with file, x, y, width, height of 1024
(`data/finding_boxes.py`); and the files. `benchmarks.made_up_pictures` makes such a
folder.
"""

import argparse
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.pictures import lesson, read_squares
from benchmarks.recipes import STRONG, deal, said
from benchmarks.standard_recipe import RECIPE
from cxrmlops.data.finding_boxes import SIDE
from cxrmlops.data.placement import placed
from cxrmlops.evaluation.examination.box_overlap import GRID, measure_boxes
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.device import open_fabric, repeatable
from cxrmlops.model.inference import calibrated
from cxrmlops.model.inference import read_squares as read
from cxrmlops.model.learner import TrainState
from cxrmlops.model.network import build_network
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_image, tile_middles
from cxrmlops.model.training import epochs
from cxrmlops.records.estimate import Estimate
from cxrmlops.reporting.overlay import FULL_SCALE, above_threshold

FIGURES = ("area", "pointing", "pointing_gain", "inside", "pixel_auc", "iou")
VAL = (0, 1)  # folds of five
BATCH = 16

log = logging.getLogger("localisation")


@dataclass(frozen=True)
class Answers:
    """What a network says of val's films."""

    logit: np.ndarray  # (n,), before calibration
    evidence: np.ndarray  # (n, h, w)
    places: tuple[float, ...]  # where cells look
    weights: dict[str, torch.Tensor]


def main() -> None:
    """Train each network; print a block per network as it is ready."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    table = pd.read_csv(asked.folder / "manifest.csv")
    table["split"] = np.where(
        np.isin(deal(table.patient_id.to_numpy()), VAL), "val", "train"
    )
    squares = read_squares(table, asked.folder, size=asked.size)
    boxes = _boxes(asked.folder)
    counts = table.groupby("split").size().to_dict()
    print(f"{asked.folder.name}: films {counts}, {asked.architecture}, {asked}")
    for trial in asked.trials:
        pooling, _, stride = trial.partition("/")
        answers = _train(asked, table, squares, pooling, int(stride))
        if asked.keep:
            name = f"{pooling}-{stride}"
            asked.keep.mkdir(parents=True, exist_ok=True)
            save_file(answers.weights, asked.keep / f"{name}.safetensors")
            file = asked.keep / f"{name}.npz"
            np.savez(file, logit=answers.logit, evidence=answers.evidence)
        print(f"\n{trial}", flush=True)
        for line in describe(asked.folder, table, boxes, answers, pooling, asked.size):
            print(line, flush=True)


def describe(  # noqa: PLR0913
    folder: Path,
    table: pd.DataFrame,
    boxes: pd.DataFrame,
    answers: Answers,
    pooling: str,
    size: int,
) -> list[str]:
    """Write AUC, within views too, and localisation on val."""
    val = table[table.split == "val"].reset_index(drop=True)
    abnormal = val.label.to_numpy() == 1
    lines = [f"AUC {_auc(answers.logit, abnormal, val.patient_id)}"]
    for view, rows in val.groupby("view") if "view" in val else ():
        at = rows.index.to_numpy()
        inner = _auc(answers.logit[at], abnormal[at], rows.patient_id)
        lines.append(f"AUC within {view} {inner}")
    fitted = fit_temperature(answers.logit, abnormal, val.split)
    logit = answers.logit + np.float32(fitted.shift)
    probability = calibrated(logit, temperature=fitted.temperature)
    point, _ = choose_points(probability, abnormal, val.split, high_sensitivity=0.98)
    heat = np.stack(
        [
            above_threshold(
                evidence,
                pooling=pooling,
                logit_of_image=float(own),
                temperature=fitted.temperature,
                threshold=point.threshold,
            )
            for evidence, own in zip(answers.evidence, logit, strict=True)
        ]
    )
    shown = heat[probability >= point.threshold].max((1, 2))
    lines.append(
        f"largest value of the {len(shown)} maps shown: median {np.median(shown):.1f}, "
        f"95 % {np.quantile(shown, 0.95):.1f}, over the scale's end "
        f"{(shown > FULL_SCALE).mean():.3f} of films; temperature "
        f"{fitted.temperature:.2f}"
    )
    boxed = val.index[val.file.isin(boxes.image_id)]
    images = val.loc[boxed].assign(image_id=val.file)
    tiles = tile_middles(len(answers.places), size)
    for name, places in (
        ("drawn where cells look", answers.places),
        ("... without the edge", tuple(each - tiles[0] + 0.5 for each in tiles)),
        ("... as tiles, as before", tiles),
    ):
        on_film = [
            _on_film(folder, val.file[row], heat[row], places, size) for row in boxed
        ]
        _, found = measure_boxes(images, np.stack(on_film), boxes, seed=1)
        figures = (f"{each} {_said(getattr(found, each))}" for each in FIGURES)
        lines.append(f"{name}, {found.n_images} films: {'; '.join(figures)}")
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trials", nargs="+", metavar="POOLING/STRIDE")
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=15, help="0: as --weights are")
    parser.add_argument(
        "--small-first",
        type=int,
        nargs=2,
        metavar=("PIXELS", "EPOCHS"),
        help="epochs on smaller films before those of --size",
    )
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--keep", type=Path, help="folder for weights, val's maps")
    parser.add_argument("--weights", default=None, help=".safetensors to begin with")
    return parser.parse_args()


def _boxes(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "boxes.csv")
    place = {"x": "left", "y": "top", "width": "width", "height": "height"}
    boxes = table[list(place)].rename(columns=place) / SIDE
    return boxes.assign(image_id=table.file)


def _train(
    asked: argparse.Namespace,
    table: pd.DataFrame,
    squares: np.ndarray,
    pooling: str,
    stride: int,
) -> Answers:
    fabric = open_fabric(accelerator="auto", precision=asked.precision)
    fabric.launch()
    recipe = replace(
        RECIPE,
        seed=asked.seed,
        epochs=asked.epochs,
        progressive=(tuple(asked.small_first),) if asked.small_first else (),
        learning_rate=asked.rate,
        ema_decay=0.98,
        augmentation=STRONG,
    )
    val = (table.split == "val").to_numpy()
    sides = [lesson(table, squares, side, fabric.device) for side in (~val, val)]
    with repeatable(recipe.seed, device=fabric.device):
        network = build_network(
            asked.architecture,
            weights=asked.weights,
            pooling=pooling,
            output_stride=stride,
        )
        learner = TrainState(fabric, network, recipe)
        for epoch in epochs(learner, *sides) if asked.epochs else ():
            log.info(
                "%s/%d: epoch %d, val AUC %.3f, %.0f films/s",
                pooling,
                stride,
                epoch.epoch,
                epoch.val_auc,
                epoch.images_per_second,
            )
    own = learner.average.module.eval()
    logit, evidence = read(
        own,
        squares[val],
        device=fabric.device,
        batch_size=BATCH,
    )
    weights = {name: each.contiguous() for name, each in own.state_dict().items()}
    return Answers(logit, evidence, cell_places(own, asked.size), weights)


def _on_film(
    folder: Path, file: str, heat: np.ndarray, places: tuple[float, ...], size: int
) -> np.ndarray:
    with Image.open(folder / file) as picture:
        columns, rows = picture.size
    place = placed(rows, columns, size=size)
    return evidence_on_image(heat, place, places=places, rows=GRID, columns=GRID)


def _auc(score: np.ndarray, abnormal: np.ndarray, patient: pd.Series) -> str:
    if abnormal.all() or not abnormal.any():
        return "one class only"
    found = auc_interval(score, abnormal, patient.to_numpy())
    return f"{said(found)}, n = {found.n}"


def _said(figure: Estimate | None) -> str:
    if figure is None:
        return "not assessed"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}, n = {figure.n})"


if __name__ == "__main__":
    main()
