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
        self._pairs = _floats(network, self.network)
        self._counters = [
            (theirs, mine)
            for theirs, mine in zip(
                network.buffers(), self.network.buffers(), strict=True
            )
            if not mine.is_floating_point()
        ]

    def update(self, step: int) -> None:
        """Take in the weights after one step.

        Args:
            step: steps done, from 1. Early on the average forgets faster, so that it
                does not keep the random weights of the start.
        """
        decay = min(self._decay, step / (step + 9))
        theirs, mine = self._pairs
        with torch.no_grad():
            torch._foreach_lerp_(mine, theirs, 1 - decay)
            for counter, copy in self._counters:
                copy.copy_(counter)


def _floats(
    network: nn.Module, average: nn.Module
) -> tuple[list[Tensor], list[Tensor]]:
    theirs = [*network.parameters(), *network.buffers()]
    mine = [*average.parameters(), *average.buffers()]
    chosen = [n for n, tensor in enumerate(mine) if tensor.is_floating_point()]
    return [theirs[n].detach() for n in chosen], [mine[n] for n in chosen]
