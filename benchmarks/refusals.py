"""
Which pictures are refused: meaningless ones, by kind, and real films.

    python -m benchmarks.refusals FOLDER [FOLDER ...] [--bundle data/train/bundle]

Each FOLDER holds manifest.csv with the column file, and the frontal films that it
names. Every film is shown to the rules on pictures and, with a bundle, to its distance
from the films of train; so are meaningless pictures made of the first films of the
first folder (`hostile_pictures.py`). Films that the bundle learnt from are not left
out: give it others.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from statsmodels.stats.proportion import proportion_confint

from benchmarks.hostile_pictures import FROM_IMAGES, FROM_NOTHING
from cxrmlops.data.preprocess import network_square
from cxrmlops.dicom.read.acceptance import accept_picture
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.system.errors import Rejected


def main() -> None:
    """Print one table of kinds, and one line per folder of real films."""
    asked = _arguments()
    reader = Reader(read_bundle(asked.bundle)) if asked.bundle else None
    if reader:
        limit = reader.familiar.limit if reader.familiar else float("inf")
        print(f"{reader.bundle.card.name}, limit of the distance {limit:.2f}\n")
    first = [_read(path) for path in _paths(asked.folders[0])[: asked.n]]
    print("| kind | n | by rules | by distance | by either |\n|---|---|---|---|---|")
    for name, maker in {**FROM_IMAGES, **FROM_NOTHING}.items():
        rng = np.random.default_rng(asked.seed)
        told = [_judge(maker(image, rng), reader) for image in first]
        rules, far = (np.array(column) for column in zip(*told, strict=True))
        either = int(((rules != "") | far).sum())
        print(
            f"| {name} | {len(told)} | {(rules != '').sum()} | {far.sum()} | {either} |"
        )
    print("\n| real films | n | refused, why | share, exact 95 % |\n|---|---|---|---|")
    for folder in asked.folders:
        paths = _paths(folder)
        told = [_judge(_read(path), reader) for path in paths]
        why = [rule or "out_of_distribution" * far for rule, far in told]
        refused = Counter(filter(None, why))
        low, high = proportion_confint(refused.total(), len(why), method="beta")
        shown = (
            ", ".join(f"{n} {name}" for name, n in sorted(refused.items())) or "none"
        )
        share = f"{refused.total() / len(why):.2%} ({low:.2%}-{high:.2%})"
        print(f"| {folder.name} | {len(why)} | {shown} | {share} |")
        for path, reason in zip(paths, why, strict=True):
            if reason:
                print(f"|  | | {path.name}: {reason} | |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--bundle", type=Path, help="also ask this model's features")
    parser.add_argument("--n", type=int, default=30, help="meaningless pictures a kind")
    parser.add_argument("--seed", type=int, default=5)
    return parser.parse_args()


def _paths(folder: Path) -> list[Path]:
    return [folder / file for file in pd.read_csv(folder / "manifest.csv").file]


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), np.float32) / 255


def _judge(image: np.ndarray, reader: Reader | None) -> tuple[str, bool]:
    """Return the rule that refuses a picture ("": none), and whether it is too far."""
    reason = ""
    try:
        accept_picture(image)
    except Rejected as rejected:
        reason = rejected.reason
    if reader is None:
        return reason, False
    square, _ = network_square(image, size=reader.bundle.card.size)
    return reason, bool(reader.read(square[np.newaxis]).unfamiliar[0])


if __name__ == "__main__":
    main()
