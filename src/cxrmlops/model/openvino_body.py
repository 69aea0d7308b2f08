"""A network whose body OpenVINO computes, on a CPU; an extra (`cxrmlops[engine]`)."""

import sys
import threading
import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from cxrmlops.model.network import EvidenceResNet, standardised
from cxrmlops.model.out_of_distribution import STAGES

HINTS = {"fp32": "f32", "bf16": "bf16"}  # our name -> INFERENCE_PRECISION_HINT


def has_openvino() -> bool:
    """Return whether the extra is installed; nothing is imported."""
    return find_spec("openvino") is not None


class OpenVinoNetwork(nn.Module):
    """Reads as `EvidenceResNet` does, film by film; head and pooling stay torch's.

    Its stages hand on what the body computed, so that `collected` finds features.
    """

    def __init__(
        self, network: EvidenceResNet, *, size: int, precision: str, threads: int
    ) -> None:
        """Compile the body.

        Args:
            network: folded, in eval mode, on the CPU; kept for its head.
            size: pixels per side of the square.
            precision: `fp32` or `bf16`, of the body.
            threads: films that are read at once, each on one thread.
        """
        super().__init__()
        self._head = network
        self._body = _compiled(_Body(network), size, precision, threads)
        self._here = threading.local()
        for name in STAGES:
            setattr(self, name, nn.Identity())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Answer one film, shape (1, 1, s, s): logit (1,) and evidence (1, 1, h, w)."""
        made = self._request().infer([standardised(images).contiguous().numpy()])
        for position, name in enumerate(STAGES):
            x = getattr(self, name)(torch.from_numpy(made[position].copy()))
        return self._head.answer(x)

    def _request(self) -> Any:
        if not hasattr(self._here, "request"):  # one is not shared among threads
            self._here.request = self._body.create_infer_request()
        return self._here.request


class _Body(nn.Module):
    """All but the head: means of three stages, and what the last one gives."""

    def __init__(self, network: EvidenceResNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        network = self.network
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        one = network.layer1(x)
        two = network.layer2(one)
        three = network.layer3(two)
        means = (stage.mean((2, 3), keepdim=True) for stage in (one, two, three))
        return (*means, network.layer4(three))


def _compiled(body: _Body, size: int, precision: str, threads: int) -> Any:
    openvino = _openvino()
    example = torch.zeros(1, 1, size, size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own tracing, which it calls old
        model = openvino.convert_model(
            body.eval(), example_input=example, input=[1, 1, size, size]
        )
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
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
