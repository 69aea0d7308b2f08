"""
Where the cells of a network's last block look, by kernel, stride and padding.

Along one axis a cell is a sum over the paths from pixels to it (Luo, Understanding the
Effective Receptive Field, 2016). Counted with equal weights in each kernel, and the
same for both branches of a block, they say how much each pixel matters; their mean is
where the cell looks.

Far from the edge that is the centre of the receptive field by arithmetic: the distance
of neighbours grows by each stride, and the first centre moves by `(d (k - 1)) / 2 - p`
of the distance before, for kernel k, padding p and dilation d (Araujo, Computing
Receptive Fields of Convolutional Neural Networks, Distill 2019). Near the edge paths
end in the padding, where no pixel is, and a cell looks further inward.
"""

import numpy as np
from torch import nn

STAGES = ("layer1", "layer2", "layer3", "layer4")
DIGITS = 3  # of a place: another processor adds up in another order


def cell_places(network: nn.Module, size: int) -> tuple[float, ...]:
    """Say where the cells of a ResNet's last block look, along either axis.

    Args:
        network: torchvision's ResNet, or one with its parts; or an ensemble of them,
            whose cells all look where the first network's do.
        size: pixels per side of the square.

    Returns:
        One place per cell, ascending, in pixels of the square: pixel i reaches from i
        to i + 1.

    Raises:
        ValueError: a layer differs between rows and columns.
    """
    network = getattr(network, "members", (network,))[0]
    paths = np.eye(size)  # cells x pixels
    for name in ("conv1", "maxpool"):
        paths = _through(network.get_submodule(name), paths)
    for stage in STAGES:
        for block in network.get_submodule(stage).children():
            paths = _through_block(block, paths)
    middle = np.arange(size) + 0.5
    places = paths @ middle / paths.sum(1)
    return tuple(round(float(place), DIGITS) for place in places)


def _through_block(block: nn.Module, before: np.ndarray) -> np.ndarray:
    """Follow both branches of a residual block, whose mean goes on."""
    after = shortcut = before
    for layer in block.children():  # in the order of the forward pass
        if isinstance(layer, nn.Conv2d):
            after = _through(layer, after)
    for layer in getattr(block, "downsample", None) or ():
        if isinstance(layer, nn.Conv2d):
            shortcut = _through(layer, shortcut)
    return np.asarray((after + shortcut) / 2)


def _through(layer: nn.Module, before: np.ndarray) -> np.ndarray:
    """Slide a kernel of equal weights over cells; what lies beyond counts nothing."""
    kernel, stride, padding, dilation = (
        _one(getattr(layer, name))
        for name in ("kernel_size", "stride", "padding", "dilation")
    )
    reach = dilation * (kernel - 1)
    padded = np.pad(before, ((padding, padding), (0, 0)))
    starts = np.arange(0, len(padded) - reach, stride)
    return np.asarray(
        sum(padded[starts + tap * dilation] for tap in range(kernel)) / kernel
    )


def _one(number: int | str | tuple[int, ...]) -> int:
    """Take the number of both axes, which must be alike."""
    if isinstance(number, int):
        return number
    if isinstance(number, str) or len(set(number)) != 1:
        raise ValueError(f"a layer that differs between rows and columns: {number}")
    return number[0]
