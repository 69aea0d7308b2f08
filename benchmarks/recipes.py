"""
Recipes compared on real films, each film read by a network without its patient.

The patients are dealt into folds; a small network learns from all folds but one and
reads that one after its last epoch, so that nothing is chosen on the films that judge.
The answers of all folds together give one AUC, with paired intervals against the plain
recipe and against a 16 x 16 thumbnail on the same folds, and one within each view.
Finished folds are kept.

    python -m benchmarks.recipes FOLDER plain synthetic --weights weights.safetensors

FOLDER holds manifest.csv with the columns file, patient_id, label (1: any significant
finding) and, where there are such, view and balanced (1: take it); and the files.
"""

import argparse
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pictures import lesson, read_squares
from benchmarks.standard_recipe import RECIPE
from cxrmlops.evaluation.performance.thumbnail import read_thumbnails, shrink
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.model.augment import Augmentation
from cxrmlops.model.device import open_fabric, repeatable
from cxrmlops.model.learner import Hyperparameters, TrainState
from cxrmlops.model.network import build_network
from cxrmlops.model.training import epochs, read_images
from cxrmlops.system.files import sha256_file, sha256_json, whole

OUT = Path("bench/recipes")
FOLDS = 5

log = logging.getLogger("recipes")


@dataclass(frozen=True)
class Trial:
    """What is tried; all but `plain` say what differs from it."""

    architecture: str = "resnet18"
    size: int = 128  # pixels
    pretrained: bool = False  # begin with the weights of --weights
    recipe: Hyperparameters = replace(
        RECIPE, epochs=15, learning_rate=1e-3, ema_decay=0.98
    )

    def changed(self, **numbers: object) -> "Trial":
        """Change numbers of the recipe."""
        return replace(self, recipe=replace(self.recipe, **numbers))


PLAIN = Trial()
SYNTHETIC = replace(PLAIN, pretrained=True)
NARROW = replace(PLAIN, architecture="resnet18_narrow", size=64)  # minutes on one core
STRONG = Augmentation(15, 0.20, 0.10, 0.30, 0.02)
TRIALS = {
    "plain": PLAIN,
    "plain seed 2": PLAIN.changed(seed=2),
    "plain seed 3": PLAIN.changed(seed=3),
    "no augmentation": PLAIN.changed(augmentation=Augmentation()),
    "strong augmentation": PLAIN.changed(augmentation=STRONG),
    "smoothing .2": PLAIN.changed(label_smoothing=0.2),
    "rate 3e-4": PLAIN.changed(learning_rate=3e-4),
    "no average": PLAIN.changed(ema_decay=0.0),
    "30 epochs": PLAIN.changed(epochs=30),
    "10 epochs": PLAIN.changed(epochs=10),
    "resnet50, 10 epochs": replace(PLAIN, architecture="resnet50").changed(epochs=10),
    "160 pixels": replace(PLAIN, size=160),
    "224 pixels": replace(PLAIN, size=224),
    "synthetic": SYNTHETIC,
    "synthetic seed 2": SYNTHETIC.changed(seed=2),
    "synthetic, strong": SYNTHETIC.changed(augmentation=STRONG),
    "synthetic, rate 3e-4": SYNTHETIC.changed(learning_rate=3e-4),
    "synthetic, rate 1e-4": SYNTHETIC.changed(learning_rate=1e-4),
    "synthetic, 224 pixels": replace(SYNTHETIC, size=224),
    "synthetic, strong, 30": SYNTHETIC.changed(augmentation=STRONG, epochs=30),
    "narrow": NARROW,
    "narrow seed 2": NARROW.changed(seed=2),
    "narrow seed 3": NARROW.changed(seed=3),
    "narrow, 32 pixels first": NARROW.changed(epochs=7, progressive=((32, 8),)),
}
MEANS = {  # of logits, as a bundle of several networks answers; trained if need be
    "mean of 3 plain": ("plain", "plain seed 2", "plain seed 3"),
    "mean of 3 narrow": ("narrow", "narrow seed 2", "narrow seed 3"),
}


def main() -> None:
    """Train what is not there yet; print a line per trial."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    table = pd.read_csv(asked.folder / "manifest.csv")
    if "balanced" in table:
        table = table[table.balanced == 1].reset_index(drop=True)
    fold = deal(table.patient_id.to_numpy())
    answers = {"thumbnail": _thumbnail(table, fold, asked.folder)}
    for name in asked.trials:
        made = [_answers(one, table, fold, asked) for one in MEANS.get(name, (name,))]
        answers[name] = np.mean(made, axis=0)
    print(describe(table, answers))


def deal(patient: np.ndarray) -> np.ndarray:
    """Assign every patient a fold, the same each time: shape (n,), 0 to FOLDS - 1."""
    known, at = np.unique(patient, return_inverse=True)
    dealt = np.arange(len(known)) % FOLDS
    np.random.default_rng(0).shuffle(dealt)
    return dealt[at]


def describe(table: pd.DataFrame, answers: dict[str, np.ndarray]) -> str:
    """Write AUC and paired differences as a Markdown table; from narrow ones, too."""
    abnormal, patient = table.label.to_numpy() == 1, table.patient_id.to_numpy()
    plain = next((name for name in ("plain", "narrow") if name in answers), "plain")
    views = dict(list(table.groupby("view"))) if "view" in table else {}
    heads = ["recipe", "AUC", "less thumbnail", f"less {plain}"]
    heads += [f"AUC within {view}, n = {len(rows)}" for view, rows in views.items()]
    lines = [
        f"n = {len(table)} films, {table.patient_id.nunique()} patients",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
    ]
    for name, score in answers.items():
        at = auc_interval(score, abnormal, patient)
        cells = [said(at)]
        for other in ("thumbnail", plain):
            if other == name or other not in answers:
                cells.append("")
                continue
            apart = auc_difference(score, answers[other], abnormal, patient).interval
            cells.append(f"{apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})")
        for rows in views.values():
            of = rows.index.to_numpy()
            cells.append(said(auc_interval(score[of], abnormal[of], patient[of])))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def said(figure: Interval) -> str:
    """Write value and interval as our tables have them."""
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trials", nargs="+", choices=[*TRIALS, *MEANS], metavar="TRIAL")
    parser.add_argument(
        "--weights", type=Path, help=".safetensors for the pretrained trials"
    )
    parser.add_argument("--precision", default="bf16-mixed")
    asked = parser.parse_args()
    begun = [
        name
        for name in asked.trials
        if any(TRIALS[one].pretrained for one in MEANS.get(name, (name,)))
    ]
    if begun and not (asked.weights and asked.weights.is_file()):
        parser.error(f"{begun} begin with weights; give a file with --weights")
    return asked


def _thumbnail(table: pd.DataFrame, fold: np.ndarray, folder: Path) -> np.ndarray:
    """Let a logistic regression read every fold; the next one picks its smoothing."""
    thumbnails = shrink(read_squares(table, folder, size=160))
    score = np.empty(len(table))
    for held_out in range(FOLDS):
        split = np.full(len(table), "train", dtype=object)
        split[fold == (held_out + 1) % FOLDS] = "val"
        split[fold == held_out] = "test"
        score[fold == held_out] = read_thumbnails(thumbnails, table.label == 1, split)
    return score


def _answers(
    name: str, table: pd.DataFrame, fold: np.ndarray, asked: argparse.Namespace
) -> np.ndarray:
    """Return one logit per film, by the network that did not see its patient."""
    trial = TRIALS[name]
    weights = asked.weights if trial.pretrained else None
    known = sha256_json([repr(trial), weights and sha256_file(weights)])
    squares = read_squares(table, asked.folder, size=trial.size)
    score = np.empty(len(table))
    for held_out in range(FOLDS):
        kept = OUT / f"{name}-{known[:8]}" / f"{held_out}.npy"
        if not kept.exists():
            judge = fold == held_out
            made = _train(trial, table, squares, judge, weights, asked.precision)
            with whole(kept) as draft, draft.open("wb") as file:
                np.save(file, made)
        score[fold == held_out] = np.load(kept)
        log.info("%s: fold %d of %d", name, held_out + 1, FOLDS)
    return score


def _train(  # noqa: PLR0913
    trial: Trial,
    table: pd.DataFrame,
    squares: np.ndarray,
    held_out: np.ndarray,
    weights: Path | None,
    precision: str,
) -> np.ndarray:
    fabric = open_fabric(accelerator="auto", precision=precision)
    fabric.launch()
    train = lesson(table, squares, ~held_out, fabric.device)
    judge = lesson(table, squares, held_out, fabric.device)
    with repeatable(trial.recipe.seed, device=fabric.device):
        network = build_network(trial.architecture, weights=weights)
        learner = TrainState(fabric, network, trial.recipe)
        *_, last = epochs(learner, train, judge)
        log.info("%.1f images/s, %.3f", last.images_per_second, last.val_auc)
        return read_images(learner, judge.images)


if __name__ == "__main__":
    main()
