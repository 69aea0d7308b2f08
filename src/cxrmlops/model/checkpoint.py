"""Where a killed training goes on: everything after the last whole epoch."""

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from cxrmlops.model.learner import TrainState
from cxrmlops.model.training import Epoch
from cxrmlops.system.files import whole

MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # what AdamW remembers of a parameter
NAME, ANY = "epoch-{:04d}.safetensors", "epoch-*.safetensors"
AVERAGE = "average.module."  # before the names of the weights that judge and are kept


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Find the epoch with the lowest val loss; the first of equals.

    Only those at the size of the last one count: an epoch on smaller films may look
    better, and is none that reads films of full size.
    """
    at_size = [epoch for epoch in history if epoch.size == history[-1].size]
    return min(at_size, key=lambda epoch: epoch.val_loss)


class CheckpointWriter:
    """Keeps the state after each epoch; writes it while the next one is learnt.

    One file holds all the state of an epoch and the history up to it, and takes its
    name when it is whole: a kill at any moment leaves the one before. Of the files
    those of the last and of the best epoch stay. Random draws need no state, they come
    from the seed and the epoch's number.

    A context: leaving it waits for the last file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder  # made when missing
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the last file; of an interrupted training, too."""
        self._thread.shutdown()
        if kind is None:
            self.wait()

    def save(self, learner: TrainState, history: Sequence[Epoch]) -> None:
        """Copy the state just after the last epoch of `history`, and begin to write it.

        Raises:
            ResourceError: the disk was full when the state before was written.
        """
        self.wait()
        facts = {"step": learner.step, "history": [asdict(epoch) for epoch in history]}
        tensors = {name: _copy(value) for name, value in _tensors(learner).items()}
        self._writing = self._thread.submit(
            _write, self._folder, tensors, json.dumps(facts), list(history)
        )

    def wait(self) -> None:
        """Wait until what was saved is on disk.

        Raises:
            ResourceError: the disk is full.
        """
        if self._writing:
            self._writing.result()


def load_checkpoint(folder: Path, learner: TrainState) -> list[Epoch]:
    """Bring a fresh learner to where the last whole epoch left it.

    Returns:
        The epochs behind it; none when there is no checkpoint.
    """
    path = max(folder.glob(ANY), default=None)
    if path is None:
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
    with safe_open(_file(folder, best_epoch(history)), "pt") as file:
        return {
            key.removeprefix(AVERAGE): file.get_tensor(key)
            for key in file.keys()  # noqa: SIM118, no mapping
            if key.startswith(AVERAGE)
        }


def _file(folder: Path, epoch: Epoch) -> Path:
    return folder / NAME.format(epoch.epoch)


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


def _copy(tensor: Tensor) -> Tensor:
    """Copy into the machine's memory: the next step changes the original."""
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


def _write(
    folder: Path, tensors: dict[str, Tensor], facts: str, history: list[Epoch]
) -> None:
    with whole(_file(folder, history[-1])) as draft:
        try:
            save_file(tensors, draft, {"facts": facts})
        except SafetensorError as error:  # a full disk, told as `whole` knows it
            raise OSError(str(error)) from error
    kept = {_file(folder, history[-1]), _file(folder, best_epoch(history))}
    for stale in set(folder.glob(ANY)) - kept:
        stale.unlink()
