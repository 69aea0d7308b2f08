"""
How much luck is in two checks of heat maps: which network, which films?

    python -m benchmarks.map_luck demo/data --images 32

Reads a trained bundle and films of its val in DATA, the folder of the stages' results.
Correlation with each network whose weights were redrawn; ROAD over a map that points
nowhere, and how often films drawn again from these would have its lower end under 0.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from cxrmlops.data.squares import image_squares
from cxrmlops.evaluation.examination.map_figures import mean_interval, rank_correlation
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import BATCH, Reader
from cxrmlops.model.map_checks import draw_maps, road, shuffled
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_square
from cxrmlops.params import load_params
from cxrmlops.records.tables import SPLITS
from cxrmlops.stages.examine import draw_studies

SEED = 1
DRAWS = 4000
SIZES = (12, 16, 24, 32)  # films


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=32)
    asked = parser.parse_args()
    images = SPLITS.read(asked.data / "split")
    val = images[images.split == "val"].sort_values("image_id", ignore_index=True)
    drawn = draw_studies(val, load_params().examine).drop_duplicates("study_id")
    squares = image_squares(asked.data / "preprocess")(drawn[: asked.images])
    bundle = read_bundle(asked.data / "train" / "bundle")
    network = Reader(bundle, batch_size=BATCH).network
    maps = draw_maps(network, squares, seed=SEED)
    for redrawn in maps.all_redrawn:
        print("redrawn:", mean_interval(rank_correlation(maps.evidence, redrawn)))
    size, places = squares.shape[-1], cell_places(network, squares.shape[-1])
    start = time.monotonic()
    pointed, at_random = (
        road(
            network,
            squares,
            evidence_on_square(each, places=places, size=size, side=size),
            seed=SEED,
        )
        for each in (maps.evidence, shuffled(maps.evidence, seed=SEED))
    )
    seconds = (time.monotonic() - start) / len(squares)
    found = pointed - at_random
    print(f"ROAD: {mean_interval(found)}, {seconds:.1f} s a film")
    rng = np.random.default_rng(SEED)
    for n in SIZES:
        again = [mean_interval(rng.choice(found, n)) for _ in range(DRAWS)]
        low = np.array([each.low for each in again if each])
        print(f"{n} films: refused in {100 * np.mean(low < 0):.1f} of 100 draws")


if __name__ == "__main__":
    main()
