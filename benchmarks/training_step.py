"""
What reading, moving and re-exposing films costs a training step.

Ours reads uint8 shards, augments and learns; the other learns the very same batches
from float pictures that lie ready in the device's memory. The two take turns, so that
another program on the machine slows both alike.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.standard_recipe import RECIPE
from cxrmlops.data.shards import ShardWriter, open_shards
from cxrmlops.model.augment import augment
from cxrmlops.model.device import describe, open_fabric, repeatable
from cxrmlops.model.inference import to_images
from cxrmlops.model.learner import Hyperparameters, TrainState
from cxrmlops.model.loader import ImageDataset, shuffled
from cxrmlops.model.network import build_network

FOLDER = Path("bench/training")
IMAGES = 256
# network, pixels, batch, steps of one turn
ON_CPU = [("resnet18", 128, 32, 4), ("resnet152", 224, 8, 2)]
ON_GPU = [("resnet152", 512, 32, 10)]
TURNS = 5


def measure() -> dict[str, float]:
    """Measure every case of this machine and print a line for each.

    Returns:
        Per case the images per second with and without the data path, and the data
        path's share of a step (target < 0.05).
    """
    figures = {}
    for case in ON_GPU if torch.cuda.is_available() else ON_CPU:
        name = f"{case[0]}_{case[1]}"
        ours, ready = _case(*case)
        share = 1 - ours / ready
        figures |= {
            f"{name}_ours": ours,
            f"{name}_ready": ready,
            f"{name}_share": share,
        }
        print(f"training step, {case[0]} at {case[1]} pixels, batch {case[2]}:")
        print(f"  ours {ours:.2f} images/s, films ready in memory {ready:.2f}")
        print(f"  data path {share:.1%} of a step (target < 5 %)\n")
    return figures


def _case(architecture: str, size: int, batch: int, steps: int) -> tuple[float, float]:
    images = _images(size)
    fabric = open_fabric(accelerator="auto")
    fabric.launch()
    with repeatable(1, device=fabric.device):
        learner = TrainState(fabric, build_network(architecture), quick_recipe(batch))
        ours, ready = _ours(learner, images), _ready(learner, images)
        for pictures in (ours, ready):  # first steps plan memory and kernels
            _seconds(learner, pictures, 1)
        turns = [
            (_seconds(learner, ours, steps), _seconds(learner, ready, steps))
            for _ in range(TURNS)
        ]
    with_data, without = np.median(turns, axis=0)
    return steps * batch / with_data, steps * batch / without


def _images(size: int) -> ImageDataset:
    shutil.rmtree(FOLDER, ignore_errors=True)
    rng = np.random.default_rng(0)
    writer = ShardWriter(FOLDER, size=size, images_per_shard=IMAGES // 4)
    for _ in range(IMAGES):
        writer.add(rng.integers(0, 256, (size, size), dtype=np.uint8))
    writer.close()
    places = np.arange(IMAGES)
    device = open_fabric(accelerator="auto").device
    return ImageDataset(
        open_shards(FOLDER),
        places // (IMAGES // 4),
        places % (IMAGES // 4),
        device=device,
    )


def quick_recipe(batch: int) -> Hyperparameters:
    """Return a recipe for a few steps; nothing of it is judged."""
    return replace(
        RECIPE, epochs=1, batch_size=batch, learning_rate=1e-4, warmup_epochs=0
    )


def _ours(learner: TrainState, images: ImageDataset) -> Iterator[Tensor]:
    device, epoch = learner.fabric.device, 0
    generator = torch.Generator(device).manual_seed(1)
    while True:
        epoch += 1
        order = shuffled(images.n, learner.recipe.batch_size, seed=(1, epoch))
        for squares in images.batches(order):
            yield augment(
                to_images(squares, device),
                learner.recipe.augmentation,
                generator=generator,
            )


def _ready(learner: TrainState, dataset: ImageDataset) -> Iterator[Tensor]:
    batch = learner.recipe.batch_size
    squares = torch.from_numpy(dataset.read(np.arange(batch)))
    images = to_images(squares, learner.fabric.device)
    while True:
        yield images


def _seconds(learner: TrainState, pictures: Iterator[Tensor], steps: int) -> float:
    device = learner.fabric.device
    target = (torch.arange(learner.recipe.batch_size, device=device) % 2).float()
    weight = torch.ones(2, device=device)
    start = time.perf_counter()
    for _ in range(steps):
        images = next(pictures)
        learner.learn(images, target[: len(images)], weight, rate=1e-4)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(describe(open_fabric(accelerator="auto").device))
    measure()
