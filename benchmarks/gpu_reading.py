"""
How many films a second a GPU reads, answer and map, by batch size and way.

For a machine with nothing but PyTorch and this folder; weights that nobody trained.

    PYTHONPATH=src python -m benchmarks.gpu_reading --size 512
"""

import argparse
import time

import numpy as np
import torch

from cxrmlops.model.device import choose_device, describe
from cxrmlops.model.inference import read_squares
from cxrmlops.model.network import build_network, fold_norms
from cxrmlops.model.out_of_distribution import collected
from cxrmlops.model.precision import BF16, FP32, ready

BATCHES = (8, 64)  # films at a time
WAYS = {"fp32": (FP32, False), "bf16": (BF16, False), "bf16 compiled": (BF16, True)}
FILMS, TURNS = 1024, 3


def main() -> None:
    """Print films per second, the median of three turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--architecture", default="resnet152")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--films", type=int, default=FILMS)
    asked = parser.parse_args()
    device = choose_device("auto")
    network = fold_norms(build_network(asked.architecture)).to(device)
    squares = np.random.default_rng(0).integers(
        0, 256, (asked.films, asked.size, asked.size), np.uint8
    )
    print(f"{describe(device)}, {asked.architecture} at {asked.size}, films/s")
    for name, (way, compile) in WAYS.items():
        reads = ready(network, way, size=asked.size, threads=1, compile=compile)
        speeds = [_films_per_second(reads, squares, device, n) for n in BATCHES]
        told = ", ".join(
            f"{speed:,.0f} at batch {n}"
            for n, speed in zip(BATCHES, speeds, strict=True)
        )
        print(f"  {name}: {told}", flush=True)


def _films_per_second(
    reads: torch.nn.Module, squares: np.ndarray, device: torch.device, batch: int
) -> float:
    def read(films: np.ndarray) -> None:
        with collected(reads):
            read_squares(reads, films, device=device, batch_size=batch)

    read(squares[:batch])  # plans kernels, or compiles
    seconds = []
    for _ in range(TURNS):
        start = time.perf_counter()
        read(squares)
        seconds.append(time.perf_counter() - start)
    return len(squares) / float(np.median(seconds))


if __name__ == "__main__":
    main()
