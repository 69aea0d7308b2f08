"""The networks of one bundle, trained one after the other."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric

from cxrmlops.model.checkpoint import best_epoch
from cxrmlops.model.device import repeatable
from cxrmlops.model.ensemble import Network, joined
from cxrmlops.model.learner import Hyperparameters, TrainState
from cxrmlops.model.network import EvidenceResNet
from cxrmlops.model.training import Epoch

Figures = dict[str, Any]  # of an epoch, by name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a training gives."""

    network: Network  # on the device
    history: list[Figures]  # HISTORY rows: epochs counted over all networks
    best_epochs: list[int]  # of each network, counted likewise
    device: torch.device
    precision: str
    is_first: bool  # of the processes that trained: the one that writes

    @property
    def summary(self) -> dict[str, Any]:
        """Return what a card tells of it; nothing that a clock says."""
        return {
            "networks": len(self.network.members),
            "epochs": len(self.history),
            "best_epochs": self.best_epochs,
            "device": self.device.type,
            "precision": self.precision,
        }

    @property
    def times(self) -> dict[str, float]:
        """Return what a clock said."""
        speed = [epoch["images_per_second"] for epoch in self.history]
        seconds = sum(epoch["seconds"] for epoch in self.history)
        return {"seconds": round(seconds, 1), "images_per_second": median(speed)}


def fit_members(
    fabric: Fabric,
    make_network: Callable[[int], EvidenceResNet],
    recipe: Hyperparameters,
    fit_one: Callable[..., list[Epoch]],
    *,
    members: int,
    work: Path,
    on_epoch: Callable[[Figures], None],
) -> Trained:
    """Train networks that differ in their seed: `recipe.seed`, one more, and so on.

    Killed, it goes on after the last whole epoch of the network that was at work.

    Args:
        fabric: launched.
        make_network: from the number of a network, from 0; seeded before.
        recipe: of the first network.
        fit_one: `fitting.fit` with its films, judge and patience.
        members: how many.
        work: folder of checkpoints; the caller removes it.
        on_epoch: told a row of HISTORY as each epoch ends.
    """
    networks: list[EvidenceResNet] = []
    history: list[Figures] = []
    best: list[int] = []
    for number in range(members):
        own = replace(recipe, seed=recipe.seed + number)
        counted = partial(_counted, network=number + 1, begun=len(history))
        if members > 1 and fabric.is_global_zero:
            log.info("train: network %d of %d, seed %d", number + 1, members, own.seed)
        with repeatable(own.seed, device=fabric.device):
            learner = TrainState(fabric, make_network(number), own)
            found = fit_one(
                learner,
                work=work / f"network-{number + 1}",
                on_epoch=_passed_on(on_epoch, counted),
            )
        best.append(len(history) + best_epoch(found).epoch)
        history += [counted(asdict(epoch)) for epoch in found]
        learner.network.zero_grad(set_to_none=True)  # gradients are as large as weights
        networks.append(learner.network)
    return Trained(
        network=joined(networks),
        history=history,
        best_epochs=best,
        device=fabric.device,
        precision=learner.precision,
        is_first=fabric.is_global_zero,
    )


def _counted(figures: Figures, *, network: int, begun: int) -> Figures:
    """Say of which network an epoch is, and count it over all networks."""
    return figures | {"network": network, "epoch": begun + figures["epoch"]}


def _passed_on(
    on_epoch: Callable[[Figures], None], counted: Callable[[Figures], Figures]
) -> Callable[[Figures], None]:
    return lambda figures: on_epoch(counted(figures))
