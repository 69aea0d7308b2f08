"""ResNet-18 with an eighth of its channels, for tests and first tries.

Its weights take 0.7 MB instead of 45 MB.
"""

from typing import Any

from torch import nn

from cxrmlops.model.torchvision_resnets import BasicBlock, ResNet

NAME = "resnet18_narrow"
CHANNELS, SHARE = 512, 8  # of ResNet-18's last stage; how many of them are one here
BLOCKS = (2, 2, 2, 2)  # of each stage, as in ResNet-18


class NarrowResNet(ResNet):
    """torchvision's ResNet whose stages give 8, 16, 32 and 64 channels."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, list(BLOCKS))
        self.fc = nn.Linear(CHANNELS // SHARE, 1)

    def _make_layer(
        self, block: Any, planes: int, *layout: Any, **options: Any
    ) -> nn.Sequential:
        return super()._make_layer(block, planes // SHARE, *layout, **options)
