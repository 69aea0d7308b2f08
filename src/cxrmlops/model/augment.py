"""What a chest film can undergo, drawn anew for every film of a batch."""

from dataclasses import dataclass
from math import radians

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample


@dataclass(frozen=True)
class Augmentation:
    """Half-widths of uniform draws; 0 switches one off.

    No flips: a heart on the right is a finding. No brightness or contrast: the network
    takes both out of every film itself.
    """

    rotate_degrees: float = 0.0
    scale: float = 0.0  # fraction of the size
    shift: float = 0.0  # fraction of the side
    gamma: float = 0.0  # fraction of the exponent, about 1
    noise: float = 0.0  # standard deviation, on the 0-1 scale


def augment(images: Tensor, by: Augmentation, *, generator: Generator) -> Tensor:
    """Move and re-expose every film of a batch, each in its own way.

    Args:
        images: shape (n, 1, s, s), float32, 0-1.
        by: how much, at most.
        generator: on the device of `images`; its state decides the draws.

    Returns:
        Shape (n, 1, s, s), float32, 0-1. What comes from outside the square is black,
        like the padding of the square itself; what is black stays so.
    """
    draws = (
        torch.rand((5, len(images)), generator=generator, device=images.device)
        .mul_(2)
        .sub_(1)
    )  # -1 to 1
    moved = _move(images, by, draws[:4])
    exposed = _expose(moved, by, draws[4], generator).clamp_(0, 1)
    return exposed * (moved > 0)  # no exposure lights up the padding


def _move(images: Tensor, by: Augmentation, draws: Tensor) -> Tensor:
    if not (by.rotate_degrees or by.scale or by.shift):
        return images
    angle = draws[0] * radians(by.rotate_degrees)
    size = 1 + draws[1] * by.scale
    along, across = draws[2] * 2 * by.shift, draws[3] * 2 * by.shift  # side is 2
    cos, sin = angle.cos() / size, angle.sin() / size
    # (n, 2, 3): from a place in the new film to the place in the old one
    matrix = torch.stack(
        [torch.stack([cos, -sin, along], 1), torch.stack([sin, cos, across], 1)], 1
    )
    grid = affine_grid(matrix, list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)


def _expose(
    images: Tensor, by: Augmentation, draws: Tensor, generator: Generator
) -> Tensor:
    if by.gamma:
        images = images.clamp(0, 1) ** (1 + draws[:, None, None, None] * by.gamma)
    if by.noise:
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = images + noise * by.noise
    return images
