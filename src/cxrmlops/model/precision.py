"""In which arithmetic films are read: what is asked, allowed, and there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from cxrmlops.model.agreement import Agreement

AUTO, FP32, BF16 = "auto", "fp32", "bf16"
Network = TypeVar("Network", bound=nn.Module)
BODY = ("conv1", "layer1", "layer2", "layer3", "layer4")  # all but the small head


@dataclass(frozen=True)
class Choice:
    """In what films are read, and why not in the faster way."""

    precision: str  # fp32 or bf16
    why: str = ""  # it is not bf16, in a sentence; "" it is, or nobody asked for it

    def told(self) -> str:
        """Say it in a few words."""
        return f"{self.precision} ({self.why})" if self.why else self.precision


EXACT = Choice(FP32)


def choose(
    asked: str,
    agreements: Sequence[Agreement],
    *,
    device: torch.device,
    backward: bool = False,
) -> Choice:
    """Choose how to read: bf16 where it is faster and was measured to agree.

    Args:
        asked: `auto`, `fp32` or `bf16`; the second is always followed.
        agreements: of the bundle's card.
        device: that reads.
        backward: whether maps need the backward pass.
    """
    if asked == FP32:
        return EXACT
    if backward:
        return Choice(FP32, "its maps need a backward pass, which is kept in 32 bit")
    if not has_bf16(device):
        return Choice(FP32, f"this {device.type} has no instructions for bf16")
    wanted = (BF16, device.type)
    mine = [one for one in agreements if (one.precision, one.device) == wanted]
    if not mine:
        return Choice(
            FP32,
            f"whether bf16 agrees was not measured on a {device.type} when the model "
            "was made; train again on a machine that has it",
        )
    if obstacle := mine[0].obstacle:
        return Choice(FP32, f"bf16 differs too much with this model: {obstacle}")
    return Choice(BF16)


def has_bf16(device: torch.device) -> bool:
    """Return whether the processor computes in bf16 itself.

    Without AVX-512 BF16 or AMX a CPU emulates it, slower than 32 bit.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    by_itself = known.get("avx512_bf16") or known.get("amx_bf16")
    return bool(by_itself) and torch.backends.mkldnn.is_available()


def cast_body(network: Network, precision: str) -> Network:
    """Round the weights of a folded network once, where it reads in bf16.

    Autocast would round them at every film, a fifth of the time; the values are the
    same. The head stays in 32 bit.
    """
    if precision == BF16:
        for name in BODY:
            network.get_submodule(name).to(torch.bfloat16)
    return network


@contextmanager
def computed_in(precision: str, device: torch.device) -> Iterator[None]:
    """Let the block compute in fp32 or, where it is asked for and it may, in bf16.

    32 bit on a GPU are 32: the shorter TF32, cuDNN's default, rounds almost as bf16.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == BF16):
        if device.type != "cuda" or precision == BF16:
            yield
            return
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before
