"""What a training needs, small and made up."""

import numpy as np
import torch

from cxrmlops.model.augment import Augmentation
from cxrmlops.model.device import open_fabric
from cxrmlops.model.learner import Hyperparameters, TrainState
from cxrmlops.model.loader import ImageDataset
from cxrmlops.model.network import build_network
from cxrmlops.model.training import LabelledImages
from tests.model.make import CPU


def make_recipe(**quirks: object) -> Hyperparameters:
    """Build a recipe of two short epochs."""
    usual: dict[str, object] = {
        "seed": 1,
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "stem_rate": 1.0,
        "weight_decay": 0.05,
        "warmup_epochs": 0.5,
        "ema_decay": 0.9,
        "label_smoothing": 0.05,
        "class_weights": True,
        "augmentation": Augmentation(5, 0.1, 0.05, 0.1, 0.01),
    }
    return Hyperparameters(**usual | quirks)  # type: ignore[arg-type]


def make_learner(*, precision: str = "32-true", **quirks: object) -> TrainState:
    """Build a fresh learner of a narrow ResNet-18; two of the same recipe are equal."""
    fabric = open_fabric(accelerator="cpu", precision=precision)
    fabric.launch()
    torch.manual_seed(0)
    return TrainState(fabric, build_network("resnet18_narrow"), make_recipe(**quirks))


def make_lesson(n: int = 24, *, size: int = 32, seed: int = 0) -> LabelledImages:
    """Build noise films; a bright square marks every second one as abnormal."""
    rng = np.random.default_rng(seed)
    squares = rng.integers(0, 120, (n, size, size)).astype(np.uint8)
    abnormal = np.arange(n) % 2 == 0
    squares[abnormal, size // 4 : size // 2, size // 4 : size // 2] += 100
    images = ImageDataset([squares], np.zeros(n, int), np.arange(n), device=CPU)
    return LabelledImages(images, abnormal)
