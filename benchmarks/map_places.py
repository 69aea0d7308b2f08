"""
How far from a small bright spot is the map's change drawn? Three ways to place cells.

    python -m benchmarks.map_places FOLDER weights.safetensors --size 256

Spots are added to normal films of FOLDER (`benchmarks.made_up_pictures`) on a grid of
places; the squared change of the evidence is laid over the square, and its peak is
compared with the spot's place, row by row.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from benchmarks.pictures import read_squares
from cxrmlops.evaluation.examination.box_overlap import peak
from cxrmlops.model.inference import read_squares as read
from cxrmlops.model.network import load_network
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_square, tile_middles

SHARES = np.linspace(0.1, 0.9, 9)  # of the side, down
ACROSS = SHARES[::2]
BRIGHTER = 60  # grey values of 255
CPU = torch.device("cpu")


def main() -> None:
    """Print the mean error and, per height of the spot, its signed mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--films", type=int, default=6)
    asked = parser.parse_args()
    network = load_network(asked.architecture, load_file(asked.weights))
    table = pd.read_csv(asked.folder / "manifest.csv")
    table = table[table.label == 0].sample(asked.films, random_state=1)
    squares, size = read_squares(table, asked.folder, size=asked.size), asked.size
    looks = cell_places(network, size)
    tiles = tile_middles(len(looks), size)
    ways = {
        "tiles": tiles,
        "32 i + .5": tuple(place - tiles[0] + 0.5 for place in tiles),
        "paths, to the edge": looks,
    }
    before = _evidence(network, squares)
    changes = {
        (down, across): (_evidence(network, _lit(squares, down, across)) - before) ** 2
        for down in SHARES
        for across in ACROSS
    }
    print(f"{asked}; spots at {np.round(SHARES * size).astype(int).tolist()}")
    for name, places in ways.items():
        errors = [
            _apart(change, down * size, places, size)
            for (down, _), change in changes.items()
        ]
        apart = np.array(errors).reshape(len(SHARES), -1)
        signed = np.round(apart.mean(1)).astype(int).tolist()
        print(f"{name}: mean error {np.abs(apart).mean():.1f} pixels; signed {signed}")


def _evidence(network: torch.nn.Module, squares: np.ndarray) -> np.ndarray:
    _, evidence = read(network, squares, device=CPU, batch_size=len(squares))
    return evidence


def _lit(squares: np.ndarray, down: float, across: float) -> np.ndarray:
    size = squares.shape[-1]
    rows, columns = np.mgrid[:size, :size] + 0.5
    far = (rows - down * size) ** 2 + (columns - across * size) ** 2
    spot = BRIGHTER * np.exp(-far / 2 / (size / 42) ** 2)
    return np.clip(squares + spot, 0, 255).astype(np.uint8)


def _apart(
    change: np.ndarray, at: float, places: tuple[float, ...], size: int
) -> list[float]:
    maps = evidence_on_square(change, places=places, size=size, side=size)
    return [peak(each)[0] + 0.5 - at for each in maps]


if __name__ == "__main__":
    main()
