"""Several networks that answer as one: the mean of their logits and of their maps."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from cxrmlops.model.network import EvidenceResNet


class Ensemble(nn.Module):
    """Networks of one architecture, trained alike from different seeds.

    Pooled by the mean, the mean map and the mean bias give the mean logit, as in one
    network; pooled otherwise, what lies between map and logit differs by film. The
    gradient of the mean logit is the mean of the gradients, so that the map stays
    Grad-CAM up to a constant.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    @property
    def members(self) -> tuple[EvidenceResNet, ...]:
        """Return the networks, in the order of their seeds."""
        return tuple(cast(EvidenceResNet, each) for each in self.networks)

    @property
    def bias(self) -> Tensor:
        """Return the mean of the networks' biases, shape (1,)."""
        return torch.stack([each.bias for each in self.members]).mean(0)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Answer a batch of films as `EvidenceResNet` does.

        Args:
            images: shape (n, 1, s, s), float32, 0-1.

        Returns:
            Logit, shape (n,), and evidence, shape (n, 1, h, w), both float32.
        """
        answers = [each(images) for each in self.members]
        logits, maps = zip(*answers, strict=True)
        return torch.stack(logits).mean(0), torch.stack(maps).mean(0)

    def shift(self, by: float) -> None:
        """Add a constant to every logit; evidence stays."""
        for each in self.members:
            each.shift(by)


Network: TypeAlias = EvidenceResNet | Ensemble


def joined(networks: Sequence[EvidenceResNet]) -> Network:
    """Make networks one; a single one stays what it is."""
    return networks[0] if len(networks) == 1 else Ensemble(networks)
