"""Where a killed training goes on: everything after the last whole epoch."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from cxrmlops.model.learner import TrainState
from cxrmlops.model.training import Epoch
from cxrmlops.system.files import whole

LAST = "last.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # what AdamW remembers of a parameter


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Find the epoch with the lowest val loss; the first of equals.

    Only those at the size of the last one count: an epoch on smaller films may look
    better, and is none that reads films of full size.
    """
    at_size = [epoch for epoch in history if epoch.size == history[-1].size]
    return min(at_size, key=lambda epoch: epoch.val_loss)


def save_checkpoint(
    folder: Path, learner: TrainState, history: Sequence[Epoch]
) -> None:
    """Keep the state after an epoch, and the averaged weights if it is the best.

    One file holds all the state and its history, and takes its name when it is whole:
    a kill at any moment leaves the one before. Random draws need no state, they come
    from the seed and the epoch's number.

    Args:
        folder: made when missing.
        learner: just after the last epoch of `history`.
        history: all epochs so far.
    """
    best = best_epoch(history)
    if best is history[-1]:
        _write(_best(folder, best), learner.average.module.state_dict(), "")
    facts = {"step": learner.step, "history": [asdict(epoch) for epoch in history]}
    _write(folder / LAST, _tensors(learner), json.dumps(facts))
    for stale in set(folder.glob("best-*.safetensors")) - {_best(folder, best)}:
        stale.unlink()


def load_checkpoint(folder: Path, learner: TrainState) -> list[Epoch]:
    """Bring a fresh learner to where the last whole epoch left it.

    Returns:
        The epochs behind it; none when there is no checkpoint.
    """
    path = folder / LAST
    if not path.exists():
        return []
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    found = load_file(path)
    learner.step = facts["step"]
    learner.network.load_state_dict(_part(found, "network."))
    learner.average.load_state_dict(_part(found, "average."))
    for name, parameter in learner.network.named_parameters():
        # The moments must lie in memory as their parameter does (channels last): the
        # fused optimizer walks through both side by side.
        learner.optimizer.state[parameter] = {
            moment: torch.zeros_like(parameter).detach().copy_(value)
            if value.ndim
            else value.to(parameter.device)
            for moment in MOMENTS
            for value in [found[f"{moment}.{name}"]]
        }
    return [Epoch(**epoch) for epoch in facts["history"]]


def load_best(folder: Path, history: Sequence[Epoch]) -> dict[str, Tensor]:
    """Read the averaged weights of the best epoch of `history`."""
    return load_file(_best(folder, best_epoch(history)))


def _best(folder: Path, epoch: Epoch) -> Path:
    return folder / f"best-{epoch.epoch:04d}.safetensors"


def _tensors(learner: TrainState) -> dict[str, Tensor]:
    state = learner.optimizer.state
    return {
        **{f"network.{k}": v for k, v in learner.network.state_dict().items()},
        **{f"average.{k}": v for k, v in learner.average.state_dict().items()},
        **{
            f"{moment}.{name}": state[parameter][moment]
            for name, parameter in learner.network.named_parameters()
            for moment in MOMENTS
        },
    }


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


def _write(path: Path, tensors: dict[str, Tensor], facts: str) -> None:
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with whole(path) as draft:
        # through memory: a full disk then speaks as an OSError, which `whole` knows
        draft.write_bytes(save(plain, {"facts": facts}))
