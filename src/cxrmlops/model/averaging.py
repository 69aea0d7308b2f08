"""A running average of the weights: it reads better than the weights themselves."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a network, BatchNorm's statistics included.

    Weights and statistics are averaged alike, so that the averaged network can read
    films at any time without a pass over the training data.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        theirs, mine = _tensors(network), _tensors(self.network)
        floats = [tensor.is_floating_point() for tensor in mine]
        self._theirs = [t for t, chosen in zip(theirs, floats, strict=True) if chosen]
        self._mine = [t for t, chosen in zip(mine, floats, strict=True) if chosen]
        self._their_counts = [
            t for t, chosen in zip(theirs, floats, strict=True) if not chosen
        ]
        self._counts = [t for t, chosen in zip(mine, floats, strict=True) if not chosen]

    def update(self, step: int) -> None:
        """Take in the weights after one step.

        Args:
            step: steps done, from 1. Early on the average forgets faster, so that it
                does not keep the random weights of the start.
        """
        decay = min(self._decay, step / (step + 9))
        with torch.no_grad():  # all tensors at once: hundreds of calls would be slow
            torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
            torch._foreach_copy_(self._counts, self._their_counts)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
