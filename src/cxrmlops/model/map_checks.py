"""
Is the map worth showing? The maps that its checks compare.

What is left when the weights are drawn anew (Adebayo, Sanity Checks for Saliency Maps,
2018); what a little noise or a shift changes; and ROAD (Rong, 2022): how the answer
falls when what the map points at is removed. That the map is Grad-CAM's follows from
the network's shape and is a test of the code, not of a model.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cxrmlops.model.ensemble import Network
from cxrmlops.model.gradcam import LogitOnly
from cxrmlops.model.inference import read_squares, to_images

BATCH = 8
PARTS = ("evidence", "layer4", "layer3", "layer2", "layer1", "conv1")  # last first
REDRAWS = 8  # networks: their agreement with the map differs by luck
NOISE = 2.0  # standard deviation, grey values of 255
SHIFT = 2  # pixels, down and across
REMOVED = (90, 70)  # ROAD: percentile of a map above which a film is removed


@dataclass(frozen=True)
class ImageMaps:
    """Maps of n films, each of shape (n, h, w), float32, in logit units."""

    evidence: np.ndarray
    redrawn: Mapping[str, np.ndarray]  # weights drawn anew, from the head down to there
    all_redrawn: Sequence[np.ndarray]  # of `REDRAWS` networks, all weights drawn anew
    repeated: Mapping[str, np.ndarray]  # of the films with noise, or shifted


def draw_maps(network: Network, squares: np.ndarray, *, seed: int) -> ImageMaps:
    """Draw every map that is compared, in 32 bit.

    Args:
        network: in eval mode, left as it is; the films go to its device.
        squares: shape (n, size, size), uint8.
        seed: of noise and weights.
    """
    redrawn = _redrawn(network, squares, seed=seed)
    return ImageMaps(
        evidence=_evidence(network, squares),
        redrawn=redrawn,
        all_redrawn=[
            redrawn[PARTS[-1]],
            *(
                _all_redrawn(network, squares, seed=seed + number)
                for number in range(1, REDRAWS)
            ),
        ],
        repeated={
            "noise": _evidence(network, _noised(squares, seed=seed)),
            "shift": _evidence(network, np.roll(squares, (SHIFT, SHIFT), (1, 2))),
        },
    )


def road(
    network: Network, squares: np.ndarray, maps: np.ndarray, *, seed: int
) -> np.ndarray:
    """Score maps by ROAD: logits kept without what matters least, less without most.

    Args:
        network: in eval mode.
        squares: shape (n, size, size), uint8.
        maps: shape (n, size, size), float32, laid over the squares.
        seed: of the noise in what is filled in.

    Returns:
        Shape (n,), logit units; above 0 where the map points at what the logit is from.
    """
    # Here and not above: it takes seconds to load, and scoring needs nothing of it.
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget

    images = to_images(torch.from_numpy(squares), network.bias.device)
    target = [BinaryClassifierOutputTarget(1)]
    measure = ROADCombined(percentiles=list(REMOVED))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        scores = [
            measure(images[k : k + 1], maps[k : k + 1], target, LogitOnly(network))
            for k in range(len(squares))
        ]
    return np.asarray(scores, np.float64).reshape(len(squares))


def shuffled(maps: np.ndarray, *, seed: int) -> np.ndarray:
    """Put each map's cells in another order: the same values, pointing nowhere."""
    flat = maps.reshape(len(maps), -1)
    mixed = np.random.default_rng(seed).permuted(flat, axis=1)
    return mixed.reshape(maps.shape)


def _evidence(network: Network, squares: np.ndarray) -> np.ndarray:
    device = network.bias.device
    _, evidence = read_squares(network, squares, device=device, batch_size=BATCH)
    return evidence


def _redrawn(
    network: Network, squares: np.ndarray, *, seed: int
) -> dict[str, np.ndarray]:
    """Shuffle the weights of one part after the other, from the head down."""
    other, draw = deepcopy(network), torch.Generator().manual_seed(seed)
    maps = {}
    for part in PARTS:
        _shuffle_part(other, part, draw)
        maps[part] = _evidence(other, squares)
    return maps


def _all_redrawn(network: Network, squares: np.ndarray, *, seed: int) -> np.ndarray:
    """Shuffle all weights: one network's map is close to the other's by luck."""
    other, draw = deepcopy(network), torch.Generator().manual_seed(seed)
    for part in PARTS:
        _shuffle_part(other, part, draw)
    return _evidence(other, squares)


def _shuffle_part(network: Network, part: str, draw: torch.Generator) -> None:
    for member in network.members:
        for module in member.get_submodule(part).modules():
            if isinstance(module, nn.Conv2d):
                _shuffle(module, draw)


def _shuffle(module: nn.Conv2d, draw: torch.Generator) -> None:
    with torch.no_grad():
        flat = module.weight.flatten()
        order = torch.randperm(len(flat), generator=draw).to(flat.device)
        module.weight.copy_(flat[order].view_as(module.weight))


def _noised(squares: np.ndarray, *, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, NOISE, squares.shape)
    noisy = np.clip(np.rint(squares + noise), 0, 255)
    return np.where(squares > 0, noisy, 0).astype(np.uint8)  # padding stays black
