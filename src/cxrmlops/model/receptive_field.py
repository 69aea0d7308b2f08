"""
Where the cells of a network's last block look, by kernel, stride and padding.

The centre of a cell's receptive field moves with its number: `first + stride * i`
pixels. Through a layer of kernel k, stride s, padding p and dilation d the distance of
neighbours grows s times, and the first centre moves by `((d (k - 1) + 1) - 1) / 2 - p`
of the distance before (Araujo, Norris and Sim, Computing Receptive Fields of
Convolutional Neural Networks, Distill 2019).
"""

from dataclasses import dataclass

from torch import nn

from cxrmlops.model.cells import CellGrid

PIXEL_CENTRE = 0.5  # of the first pixel: pixel i reaches from i to i + 1
STAGES = ("layer1", "layer2", "layer3", "layer4")

Layer = nn.Conv2d | nn.MaxPool2d


@dataclass(frozen=True)
class _Axis:
    """Along one axis: distance of neighbouring cells, centre of the first, pixels."""

    stride: float = 1.0
    first: float = PIXEL_CENTRE

    def through(self, layer: Layer) -> "_Axis":
        kernel, stride, padding, dilation = (
            _one(getattr(layer, name))
            for name in ("kernel_size", "stride", "padding", "dilation")
        )
        inward = dilation * (kernel - 1) / 2 - padding
        return _Axis(self.stride * stride, self.first + inward * self.stride)


def cell_grid(network: nn.Module) -> CellGrid:
    """Say where the cells of a ResNet's last block look, in pixels of its square.

    Args:
        network: torchvision's ResNet, or one with its parts.

    Raises:
        ValueError: kernels are not square, or the two branches of a block look at
            different places.
    """
    axis = _Axis()
    for name in ("conv1", "maxpool"):
        axis = axis.through(network.get_submodule(name))  # type: ignore[arg-type]
    for stage in STAGES:
        for block in network.get_submodule(stage).children():
            axis = _through_block(axis, block)
    return CellGrid(stride=axis.stride, first=axis.first)


def _through_block(before: _Axis, block: nn.Module) -> _Axis:
    """Follow both branches of a residual block, whose sum goes on."""
    after = shortcut = before
    for layer in block.children():  # in the order of the forward pass
        if isinstance(layer, nn.Conv2d):
            after = after.through(layer)
    for layer in getattr(block, "downsample", None) or ():
        if isinstance(layer, nn.Conv2d):
            shortcut = shortcut.through(layer)
    if shortcut != after:
        raise ValueError(f"the branches of a block look apart: {after}, {shortcut}")
    return after


def _one(number: int | str | tuple[int, ...]) -> int:
    """Take the number of both axes, which must be alike."""
    if isinstance(number, int):
        return number
    if isinstance(number, str) or len(set(number)) != 1:
        raise ValueError(f"a layer that differs between rows and columns: {number}")
    return number[0]
