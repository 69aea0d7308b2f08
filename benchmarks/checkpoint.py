"""
What keeping the state of ResNet-152 costs an epoch: it is written beside the next one.

Training waits only for the copy into memory; the file is whole some time later.
"""

import shutil
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.training_step import quick_recipe
from cxrmlops.model.checkpoint import CheckpointWriter
from cxrmlops.model.device import open_fabric, repeatable
from cxrmlops.model.learner import TrainState
from cxrmlops.model.network import build_network
from cxrmlops.model.training import Epoch

FOLDER = Path("bench/checkpoint")
TURNS = 5


def measure() -> dict[str, float]:
    """Save one state several times and print what it takes.

    Returns:
        Seconds that training waits, and seconds until the file is whole; medians.
    """
    fabric = open_fabric(accelerator="auto")
    fabric.launch()
    with repeatable(1, device=fabric.device):
        learner = TrainState(fabric, build_network("resnet152"), quick_recipe(2))
        film = torch.rand(2, 1, 64, 64, device=fabric.device)
        target, weight = (torch.ones(2, device=fabric.device) for _ in range(2))
        learner.learn(film, target, weight, rate=1e-4)
    shutil.rmtree(FOLDER, ignore_errors=True)
    turns = [_turn(learner, number) for number in range(1, TURNS + 1)]
    waits, whole = np.median(turns, axis=0)
    print("state of ResNet-152 after an epoch:")
    print(f"  training waits {waits:.2f} s, the file is whole after {whole:.2f} s")
    print(f"  {1 - waits / whole:.0%} of it off the critical path\n")
    shutil.rmtree(FOLDER)
    return {"waits": float(waits), "whole": float(whole)}


def _turn(learner: TrainState, number: int) -> tuple[float, float]:
    epoch = Epoch(number, 64, 0.5, 1 / number, 0.5, 1e-3, 10.0, 1.0)  # each the best
    start = time.perf_counter()
    with CheckpointWriter(FOLDER) as writer:
        writer.save(learner, [epoch])
        waits = time.perf_counter() - start
    return waits, time.perf_counter() - start


if __name__ == "__main__":
    measure()
