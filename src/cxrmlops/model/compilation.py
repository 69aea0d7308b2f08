"""The network compiled for training on a GPU: fewer and larger kernels."""

import logging
import os
from pathlib import Path

import torch
from torch import nn

BACKEND = "inductor"
CACHE = Path("~/.cache/cxrmlops/torch_compile")  # kept: torch's own place is /tmp

log = logging.getLogger(__name__)


def is_worth_compiling(device: torch.device, *, asked: bool) -> bool:
    """Return whether to compile for this device; on a CPU nothing was gained by it."""
    if asked and device.type != "cuda":
        log.info("train: train.compile is for a GPU; here it is left out")
        return False
    return asked


def compiled(network: nn.Module) -> nn.Module:
    """Compile forward and backward pass, for each size of films and of batches once.

    Sizes are compiled in as constants (`dynamic=False`): a graph for any size takes
    longer to make and gains nothing. What was made is kept on disk, and found again by
    the next training.

    Args:
        network: shares its weights with what is returned.
    """
    folder = CACHE.expanduser()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    log.info(
        "train: the first step at each size compiles the network: minutes, unless %s "
        "has it from an earlier training",
        os.environ["TORCHINDUCTOR_CACHE_DIR"],
    )
    return torch.compile(network, dynamic=False, backend=BACKEND)  # type: ignore[return-value]
