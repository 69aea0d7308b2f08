"""What a chest film can undergo, drawn anew for every film of a batch."""

from dataclasses import dataclass
from math import radians

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample


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
    return exposed.mul_(moved > 0)  # no exposure lights up the padding


def _move(images: Tensor, by: Augmentation, draws: Tensor) -> Tensor:
    if not (by.rotate_degrees or by.scale or by.shift):
        return images
    angle = draws[0] * radians(by.rotate_degrees)
    size = 1 + draws[1] * by.scale
    along, across = draws[2] * 2 * by.shift, draws[3] * 2 * by.shift  # side is 2
    cos, sin = angle.cos() / size, angle.sin() / size
    grid = _places(cos, sin, along, across, side=images.shape[-1])
    return grid_sample(images, grid, align_corners=False)


def _places(
    cos: Tensor, sin: Tensor, along: Tensor, across: Tensor, *, side: int
) -> Tensor:
    """Say for each pixel of the new films which place of the old ones it shows.

    As `affine_grid` does, whose product of matrices takes five times as long.

    Returns:
        Shape (n, side, side, 2), x then y, -1 to 1 from edge to edge.
    """
    middle = (2 * torch.arange(side, device=cos.device) + 1) / side - 1
    cos, sin, along, across = (one[:, None] for one in (cos, sin, along, across))
    grid = torch.empty((len(cos), side, side, 2), device=cos.device)
    x, y = grid.unbind(-1)
    torch.sub((cos * middle + along)[:, None], (sin * middle)[:, :, None], out=x)
    torch.add((sin * middle + across)[:, None], (cos * middle)[:, :, None], out=y)
    return grid


def _expose(
    images: Tensor, by: Augmentation, draws: Tensor, generator: Generator
) -> Tensor:
    exposed = images.clamp(0, 1)
    if by.gamma:
        exposed.pow_(1 + draws[:, None, None, None] * by.gamma)
    if by.noise:
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        exposed.add_(noise, alpha=by.noise)
    return exposed
