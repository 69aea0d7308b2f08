"""Which processor computes, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CDLL
from functools import cache
from typing import TYPE_CHECKING

import torch

from cxrmlops.model import torchvision_resnets
from cxrmlops.system.errors import ResourceError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Device = torch.device  # for who may not import torch

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def choose_device(accelerator: str) -> torch.device:
    """Turn `auto`, `cpu` or `gpu` into a device.

    Raises:
        ResourceError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if accelerator == "gpu" and not has_gpu:
        raise ResourceError(
            "accelerator is 'gpu' in params.yaml, but torch finds no CUDA GPU on this "
            "machine; set it to auto or cpu, or look at nvidia-smi and the driver"
        )
    if has_gpu and accelerator != "cpu":
        return torch.device("cuda")
    _keep_memory()
    return torch.device("cpu")


@cache
def _keep_memory() -> None:
    """Tell glibc to reuse memory between layers instead of giving it back.

    Layers of a large network need blocks of 32 MB and more, which glibc by default
    fetches from the kernel and returns each time; clearing their pages takes 10 to 20 %
    of a training step. Elsewhere than on glibc nothing happens.
    """
    mallopt = getattr(CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn `auto` into bf16 on a GPU and 32 bit on a CPU; other names stay."""
    if precision != "auto":
        return precision
    return "bf16-mixed" if device.type == "cuda" else "32-true"


def open_fabric(
    *, accelerator: str, devices: int = 1, nodes: int = 1, precision: str = "auto"
) -> "Fabric":
    """Open Lightning Fabric on this machine's processors.

    More than one device or node trains with DistributedDataParallel.

    Args:
        accelerator: `auto`, `cpu` or `gpu`.
        devices: GPUs (or processes on a CPU) per node.
        nodes: machines; each is started by torchrun or a scheduler.
        precision: `auto`, `32-true` or `bf16-mixed`.

    Raises:
        ResourceError: there is no GPU, or fewer than asked for.
    """
    from lightning_fabric import Fabric  # brings torch's compiler: training alone

    device = choose_device(accelerator)
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ResourceError(
            f"train.devices is {devices}, but this machine has "
            f"{torch.cuda.device_count()} GPU(s); lower it in params.yaml"
        )
    return Fabric(
        accelerator=device.type,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=choose_precision(precision, device),
    )


@contextmanager
def enough_memory(
    what: str, *, advice: str = "halve the batch size in params.yaml, or "
) -> Iterator[None]:
    """Tell too little memory as what it is.

    Args:
        what: that did not fit.
        advice: what to try before one looks who else uses it.

    Raises:
        ResourceError: the GPU's or the machine's memory is full.
    """
    try:
        yield
    except RuntimeError as error:
        full_gpu = isinstance(error, torch.OutOfMemoryError)
        if not full_gpu and "can't allocate memory" not in str(error):
            raise
        where, look = ("GPU", "nvidia-smi") if full_gpu else ("machine", "top")
        raise ResourceError(
            f"the {where} has too little free memory for {what}; {advice}see "
            f"with {look} who else uses it, and run again"
        ) from None


def describe(device: torch.device) -> str:
    """Name the processor, for people."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type}, {torch.get_num_threads()} threads"


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {"torch": torch.__version__, "torchvision": torchvision_resnets.VERSION}


@contextmanager
def repeatable(seed: int, *, device: torch.device) -> Iterator[None]:
    """Seed torch; on a CPU allow only algorithms that give the same bits again.

    On a GPU the fastest algorithm is searched for instead: two runs differ in the last
    digits.
    """
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
    )
    # Filling memory that nobody has written yet finds bugs; it costs a fifth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    torch.backends.cudnn.benchmark = device.type == "cuda"
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
        torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
