"""The network compiled for a GPU: fewer and larger kernels."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

BACKEND = "inductor"
CACHE = Path("~/.cache/cxrmlops/torch_compile")  # kept: torch's own place is /tmp

log = logging.getLogger(__name__)


def is_worth_compiling(device: torch.device, *, asked: bool, setting: str) -> bool:
    """Return whether to compile for this device; on a CPU nothing was gained by it.

    Args:
        device: that computes.
        asked: whether params.yaml asks for it.
        setting: by which name, to say that it is left out.
    """
    if asked and device.type != "cuda":
        log.info("%s is for a GPU; here it is left out", setting)
        return False
    return asked


def compiled(network: nn.Module) -> nn.Module:
    """Compile forward and backward pass, for each size of films and of batches once.

    Sizes are compiled in as constants (`dynamic=False`): a graph for any size takes
    longer to make and gains nothing. What was made is kept on disk, and found again by
    the next run.

    Args:
        network: shares its weights with what is returned.
    """
    _keep_what_is_made()
    return _compiled(network)


def compile_parts(network: nn.Module, names: Sequence[str]) -> None:
    """Compile parts of a network, each for itself and in its place.

    Forward hooks that are set on a part later run outside of what is compiled.

    Args:
        network: changed; its weights are those that it had.
        names: of its children.
    """
    _keep_what_is_made()
    for name in names:
        setattr(network, name, _compiled(network.get_submodule(name)))


def _compiled(module: nn.Module) -> nn.Module:
    return torch.compile(module, dynamic=False, backend=BACKEND)  # type: ignore[return-value]


def _keep_what_is_made() -> None:
    folder = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(CACHE.expanduser()))
    log.info(
        "the first batch of each size compiles the network: minutes, unless %s has it "
        "from an earlier run",
        folder,
    )
