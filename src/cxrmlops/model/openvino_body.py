"""A network whose body OpenVINO computes, on a CPU; an extra (`cxrmlops[engine]`)."""

import sys
import threading
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from cxrmlops.model.network import EvidenceResNet, standardised
from cxrmlops.model.out_of_distribution import STAGES


def has_openvino() -> bool:
    """Return whether the extra is installed; nothing is imported."""
    return find_spec("openvino") is not None


class OpenVinoNetwork(nn.Module):
    """Reads as `EvidenceResNet` does, film by film; head and pooling stay torch's.

    Its stages hand on what the body computed, so that `collected` finds features.
    """

    def __init__(
        self, network: EvidenceResNet, *, size: int, rounded: str | None, threads: int
    ) -> None:
        """Compile the body.

        Args:
            network: folded, in eval mode, on the CPU; kept for its head.
            size: pixels per side of the square.
            rounded: first stage that is computed in bf16, with those after it.
            threads: films that are read at once, each on one thread.
        """
        super().__init__()
        self._head, self._here = network, threading.local()
        for name in STAGES:
            setattr(self, name, nn.Identity())
        places, x = ("conv1", *STAGES), torch.zeros(1, 1, size, size)
        at = places.index(rounded) if rounded else len(places)
        self._parts = []
        for stages, hint in ((places[:at], "f32"), (places[at:], "bf16")):
            if stages:
                part = _Part(network, stages).eval()
                body = _compiled(part, x, hint, threads)
                self._parts.append((body, [one for one in stages if one in STAGES]))
                with torch.no_grad():
                    x = part(x)[-1]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Answer one film, shape (1, 1, s, s): logit (1,) and evidence (1, 1, h, w)."""
        x = standardised(images).contiguous()
        for request, names in self._requests():
            made = request.infer([x.numpy()])
            for position, name in enumerate(names):
                x = getattr(self, name)(torch.from_numpy(made[position].copy()))
        return self._head.answer(x)

    def _requests(self) -> list[tuple[Any, list[str]]]:
        if not hasattr(self._here, "requests"):  # they are not shared among threads
            self._here.requests = [
                (body.create_infer_request(), names) for body, names in self._parts
            ]
        return list(self._here.requests)


class _Part(nn.Module):
    """Stages that follow each other: means of all but the last, and the last whole."""

    def __init__(self, network: EvidenceResNet, stages: Sequence[str]) -> None:
        super().__init__()
        self.network, self._stages = network, stages

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        network, made = self.network, []
        for name in self._stages:
            if name == "conv1":
                x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
                continue
            x = getattr(network, name)(x)
            made.append(x)
        return (*(one.mean((2, 3), keepdim=True) for one in made[:-1]), x)


def _compiled(part: _Part, example: Tensor, hint: str, threads: int) -> Any:
    openvino = _openvino()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own tracing, which it calls old
        model = openvino.convert_model(
            part, example_input=example, input=list(example.shape)
        )
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": threads,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # workers that decode want the cores, too
    }
    return openvino.Core().compile_model(model, "CPU", settings)


@cache
def _openvino() -> Any:
    """Import OpenVINO without what it tells its makers.

    Its import sends an event through `openvino_telemetry`, where that is installed;
    without it a stand-in of its own does nothing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
