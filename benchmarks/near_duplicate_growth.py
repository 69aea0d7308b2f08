"""
How the search for near-duplicates grows with the number of films: processor seconds.

    python -m benchmarks.near_duplicate_growth FOLDER 15000 30000 60000 120000

FOLDER holds manifest.csv with the columns file and patient_id, and the files that it
names. Hashes are spread (random), or crowded as films are: the upper half of one film's
hash with the lower half of another's.
"""

import math
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.near_duplicates import _grey, _image, _images
from cxrmlops.data.duplicates import near_pairs
from cxrmlops.data.preprocess import perceptual_hash
from cxrmlops.params import load_params

_BYTES = 64  # of a hash


def main() -> None:
    """Print seconds by number of hashes, and the power they grow by."""
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    bits = load_params().split.near_duplicate_bits
    paths = _images(Path(sys.argv[1])).path
    films = np.array([perceptual_hash(_image(_grey(path))) for path in paths])
    rng = np.random.default_rng(0)
    print("| hashes | films | near pairs | processor, s | power of n |")
    print("|---|---|---|---|---|")
    for name in ("spread", "crowded"):
        before: tuple[int, float] | None = None
        for n in map(int, sys.argv[2:]):
            made = _crowded(films, n, rng) if name == "crowded" else _spread(n, rng)
            hashes = np.unique(made)
            began = time.process_time()
            pairs = len(near_pairs(hashes, bits=bits))
            took = time.process_time() - began
            power = _power(before, n, took)
            print(f"| {name} | {n:,} | {pairs:,} | {took:.2f} | {power} |", flush=True)
            before = n, took


def _spread(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.bytes(_BYTES).hex() for _ in range(n)])


def _crowded(films: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    raw = np.frombuffer(bytes.fromhex("".join(films)), np.uint8)
    halves = raw.reshape(len(films), 2, 2, -1)  # across and down, upper and lower
    upper, lower = rng.integers(0, len(films), (2, n))
    made = halves[upper].copy()
    made[:, :, 1] = halves[lower][:, :, 1]
    return np.array([one.tobytes().hex() for one in made])


def _power(before: tuple[int, float] | None, n: int, took: float) -> str:
    if before is None:
        return ""
    return f"{math.log(took / before[1]) / math.log(n / before[0]):.2f}"


if __name__ == "__main__":
    main()
