"""In which arithmetic films are read: what is asked, allowed, and there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxrmlops.model.agreement import Agreement
from cxrmlops.model.compilation import compile_parts
from cxrmlops.model.ensemble import Ensemble, Network
from cxrmlops.model.network import EvidenceResNet
from cxrmlops.model.openvino_body import OpenVinoNetwork, has_openvino

AUTO, FP32, BF16 = "auto", "fp32", "bf16"
TORCH, OPENVINO = "torch", "openvino"
STAGES = ("conv1", "layer1", "layer2", "layer3", "layer4")  # all but the small head
# The first stages at high resolution lose most by rounding, and cost least of a deep
# network: where bf16 throughout differs too much, they are kept in 32 bit.
STARTS = {BF16: "conv1", "bf16 from layer2": "layer2", "bf16 from layer3": "layer3"}
OPENVINO_BF16 = (f"{OPENVINO} {BF16}", f"{OPENVINO} bf16 from layer3")
OPENVINO_FP32 = f"{OPENVINO} {FP32}"
WAYS = (*STARTS, *OPENVINO_BF16, OPENVINO_FP32)  # that must agree


@dataclass(frozen=True)
class Choice:
    """In what films are read, and why not in the faster way."""

    precision: str  # fp32, or one of WAYS
    why: str = ""  # it is not the faster way that is asked for; "" it is

    def told(self) -> str:
        """Say it in a few words."""
        return f"{self.precision} ({self.why})" if self.why else self.precision


EXACT = Choice(FP32)


def choose(
    asked: str,
    agreements: Sequence[Agreement],
    *,
    device: torch.device,
    engine: str = TORCH,
    backward: bool = False,
) -> Choice:
    """Choose how to read: the fastest of what is asked for, there, and agrees.

    Args:
        asked: `auto`, `fp32` or `bf16`; with torch the second is always followed.
        agreements: of the bundle's card.
        engine: `torch`, or `openvino` for the body, where it can be had.
        device: that reads.
        backward: whether maps need the backward pass.
    """
    first = ""
    for way in _wanted(asked, engine):
        why = _obstacle(way, agreements, device, backward)
        if not why:
            return Choice(way, first)
        first = first or why
    return Choice(FP32, first)


def _wanted(asked: str, engine: str) -> list[str]:
    """Name the ways that are asked for, but for fp32, the fastest first."""
    short = asked != FP32
    ways = [*OPENVINO_BF16] * short + [OPENVINO_FP32]
    return ways * (engine == OPENVINO) + [*STARTS] * short


def _obstacle(
    way: str, agreements: Sequence[Agreement], device: torch.device, backward: bool
) -> str:
    """Return why films are not read in this way; "" they may be."""
    if backward:
        return "its maps need a backward pass, which is kept in 32 bit"
    if why := missing(way, device):
        return why
    known = {(one.precision, one.device): one for one in agreements}
    if (way, device.type) not in known:
        return (
            f"whether {way} agrees was not measured on a {device.type} when the model "
            "was made; train again on a machine that has it"
        )
    too_far = known[way, device.type].obstacle
    return too_far and f"{way} differs too much with this model: {too_far}"


def missing(way: str, device: torch.device) -> str:
    """Return what this machine lacks to read in that way; "" nothing."""
    if way.startswith(OPENVINO) and device.type != "cpu":
        return "OpenVINO reads on a CPU alone"
    if way.startswith(OPENVINO) and not has_openvino():
        return "OpenVINO is not installed: pip install 'cxrmlops[engine]'"
    if BF16 in way and not has_bf16(device):
        return f"this {device.type} has no instructions for bf16"
    return ""


def has_bf16(device: torch.device) -> bool:
    """Return whether the processor computes in bf16 itself.

    Without AVX-512 BF16 or AMX a CPU emulates it, slower than 32 bit.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    by_itself = known.get("avx512_bf16") or known.get("amx_bf16")
    return bool(by_itself) and torch.backends.mkldnn.is_available()


def ready(
    network: Network, way: str, *, size: int, threads: int, compile: bool = False
) -> nn.Module:
    """Make a folded network ready to read, in a copy where it is not torch's fp32.

    Weights are rounded to bf16 once: autocast would do it at every film, a fifth of
    the time; the values are the same. The head stays in 32 bit.

    Args:
        network: on the device; of several each is made ready.
        way: of a `Choice`.
        size: pixels per side of the square.
        threads: films that a CPU reads at once.
        compile: the stages of what torch reads in bf16.
    """
    if way == FP32:
        return network
    made = [_ready(each, way, size, threads, compile) for each in network.members]
    return made[0] if len(made) == 1 else Ensemble(made)


def _ready(
    network: EvidenceResNet, way: str, size: int, threads: int, compile: bool
) -> nn.Module:
    if way.startswith(OPENVINO):
        start = STARTS.get(way.removeprefix(f"{OPENVINO} "))
        return OpenVinoNetwork(network, size=size, rounded=start, threads=threads)
    rounded, first = deepcopy(network), STAGES.index(STARTS[way])
    for name in STAGES[first:]:
        rounded.get_submodule(name).to(torch.bfloat16)
    rounded.get_submodule(STAGES[first]).register_forward_pre_hook(_round)
    if compile:
        compile_parts(rounded, STAGES[1:])
    return rounded


def _round(_module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    return (given[0].to(torch.bfloat16),)


@contextmanager
def full_32_bit(device: torch.device) -> Iterator[None]:
    """Let what is not in bf16 be in 32 bit on a GPU, too.

    TF32, cuDNN's default, rounds almost as bf16 does.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
