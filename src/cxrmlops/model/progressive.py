"""
Small films first: most epochs at a fraction of the cost (Howard 2018; Tan and Le 2021).

A convolution does not care how many pixels a film has, so the same weights go on at the
next size; one warm-up and one cosine span all of them.
"""

from collections.abc import Sequence

from torch import Tensor, channels_last
from torch.nn.functional import interpolate

Steps = Sequence[tuple[int, int]]  # (pixels per side, epochs), before the full size


def size_of_epoch(number: int, steps: Steps, *, full: int) -> int:
    """Return the pixels per side that an epoch learns at.

    Args:
        number: of the epoch, from 1.
        steps: in the order they are taken.
        full: pixels per side of the stored squares, after all steps.
    """
    last = 0
    for size, epochs in steps:
        last += epochs
        if number <= last:
            return size
    return full


def smaller(images: Tensor, size: int) -> Tensor:
    """Make films smaller, on their device; those of that size stay as they are.

    Args:
        images: shape (n, 1, s, s), float32, 0-1, channels last.
        size: pixels per side, at most s.

    Returns:
        Shape (n, 1, size, size), likewise, antialiased as `preprocess` does it.
    """
    if images.shape[-1] == size:
        return images
    made = interpolate(images, (size, size), mode="bilinear", antialias=True)
    return made.clamp(0, 1).contiguous(memory_format=channels_last)
