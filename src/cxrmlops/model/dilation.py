"""A network's last stage with a map twice as fine, at the same weights."""

from torch import nn

STRIDES = (32, 16)  # pixels of the square between neighbouring cells of the map


def dilate(stage: nn.Module) -> None:
    """Let a stage of a ResNet keep its input's resolution.

    Layers that went two cells at a time go one, and those after them reach twice as far
    (Yu and Koltun, Multi-Scale Context Aggregation by Dilated Convolutions, 2016). In
    eval mode every second cell has the value it had before. torchvision's
    `replace_stride_with_dilation` does the same, for Bottleneck networks alone.

    Args:
        stage: changed; its first block halves the resolution once.
    """
    reach = 1
    for block in stage.children():
        for layer in block.modules():  # downsample stands last, with a kernel of 1
            if not isinstance(layer, nn.Conv2d):
                continue
            side = layer.kernel_size[0]
            layer.dilation = (reach, reach) if side > 1 else (1, 1)
            layer.padding = (reach * (side // 2), reach * (side // 2))
            if layer.stride != (1, 1):
                layer.stride, reach = (1, 1), 2
