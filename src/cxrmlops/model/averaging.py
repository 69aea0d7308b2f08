"""A running average of the weights: it reads better than the weights themselves."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_Tensors = list[Tensor] | tuple[Tensor, ...]


def running_average(network: nn.Module, *, decay: float) -> AveragedModel:
    """Return the exponential moving average of a network, BatchNorm's included.

    Weights and statistics are averaged alike, so that the averaged network, `module`,
    can read films at any time without a pass over the training data. Early on the
    average forgets faster, so that it does not keep the random weights of the start.
    """

    def update(mine: _Tensors, theirs: _Tensors, _: Tensor | int) -> None:
        if mine[0].is_floating_point():
            step = int(average.n_averaged)  # here; on a GPU, asking would stop it
            keep = min(decay, step / (step + 9))
            torch._foreach_lerp_(mine, theirs, 1 - keep)
        else:
            torch._foreach_copy_(mine, theirs)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    average.n_averaged += 1  # the start counts: else the first step would replace it
    return average.eval().requires_grad_(False)
