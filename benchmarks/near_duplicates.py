"""
How many copies of a film the perceptual hash finds, and how many strangers it joins.

    python -m benchmarks.near_duplicates FOLDER [FOLDER ...]

Each FOLDER holds manifest.csv with the columns file and patient_id, and the files that
it names. Copies: JPEG at quality 50, half size, gamma 0.7, histogram equalised, and two
of these together. Strangers: one film of each patient, as it is and in black frames.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from cxrmlops.data.duplicates import near_pairs, patient_groups
from cxrmlops.data.preprocess import perceptual_hash
from cxrmlops.evaluation.statistics.intervals import wilson
from cxrmlops.params import load_params

FRAMES = (0.15, 0.2, 0.25)  # of a side, black


def main() -> None:
    """Print the share of copies found, and the largest group of strangers."""
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    bits = load_params().split.near_duplicate_bits
    images = pd.concat(map(_images, map(Path, sys.argv[1:])), ignore_index=True)
    images = images.drop_duplicates("patient_id", ignore_index=True)
    pictures = [_grey(path) for path in images.path]
    hashes = np.array([perceptual_hash(_image(one)) for one in pictures])
    print(f"{len(images)} films, a patient each; near: at most {bits} of 512 bits\n")
    print("| copy | found | share (95 %) | median bits | most |\n|---|---|---|---|---|")
    for name, copy in COPIES.items():
        copied = np.array([perceptual_hash(_image(copy(one))) for one in pictures])
        apart = np.array([_apart(a, b) for a, b in zip(hashes, copied, strict=True)])
        found = int((apart <= bits).sum())
        share = wilson(found, len(apart))
        shown = f"{share.value:.1%} ({share.low:.1%}-{share.high:.1%})"
        print(
            f"| {name} | {found} | {shown} | {np.median(apart):.0f} | {apart.max()} |"
        )
    print("\n| strangers | pairs joined | largest group |\n|---|---|---|")
    print(_strangers("as they are", images, hashes, bits))
    for share in FRAMES:
        framed = [perceptual_hash(_framed(_image(one), share)) for one in pictures]
        print(_strangers(f"black frame of {share:.0%}", images, np.array(framed), bits))


def _images(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "manifest.csv", dtype={"patient_id": str})
    return table.assign(path=[folder / file for file in table.file])


def _grey(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("L")


def _image(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32) / 255


def _jpeg(picture: Image.Image) -> Image.Image:
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=50)
    return Image.open(packed).convert("L")


def _half(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2))


def _gamma(picture: Image.Image) -> Image.Image:
    return picture.point([round(255 * (grey / 255) ** 0.7) for grey in range(256)])


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 50": _jpeg,
    "half size": _half,
    "gamma 0.7": _gamma,
    "histogram equalised": ImageOps.equalize,
    "half size, JPEG 50": lambda picture: _jpeg(_half(picture)),
    "gamma 0.7, half size": lambda picture: _half(_gamma(picture)),
}


def _framed(image: np.ndarray, share: float) -> np.ndarray:
    return np.pad(
        image, [(round(side * share), round(side * share)) for side in image.shape]
    )


def _apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _strangers(name: str, images: pd.DataFrame, hashes: np.ndarray, bits: int) -> str:
    pairs = len(near_pairs(np.unique(hashes), bits=bits))
    groups = patient_groups(
        images.patient_id,
        pd.Series(images.index.astype(str)),
        pd.Series(hashes),
        bits=bits,
    )
    return f"| {name} | {pairs} | {groups.value_counts().max()} |"


if __name__ == "__main__":
    main()
