"""Films of val, read by a new bundle in every precision of this machine."""

import logging

import numpy as np

from cxrmlops.model.agreement import Agreement, compare
from cxrmlops.model.bundle import Bundle
from cxrmlops.model.device import choose_device
from cxrmlops.model.inference import Answers, Reader
from cxrmlops.model.precision import BF16, FP32, OPENVINO, WAYS, Choice, missing

IMAGES = 300  # of val, at most: seconds for a ResNet-18, minutes for a ResNet-152

log = logging.getLogger(__name__)


def measure(
    bundle: Bundle, squares: np.ndarray, *, accelerator: str, batch_size: int
) -> tuple[Agreement, ...]:
    """Compare with 32 bit on the CPU, and on the GPU that trained, if one did.

    Args:
        bundle: with temperature and thresholds; its card's agreement is not looked at.
        squares: of val, shape (n, size, size), uint8, n at least 1.
        accelerator: `auto`, `cpu` or `gpu`, of the training.
        batch_size: films at a time.

    Returns:
        One agreement for each kind of device here and each way to read that it has; of
        an engine's in bf16, from the fastest to the first that agrees.
    """
    devices = {choose_device(name).type: name for name in (accelerator, "cpu")}
    found = [
        one
        for device, name in sorted(devices.items())
        for one in _on_device(bundle, squares, device, name, batch_size)
    ]
    for one in found:
        log.info("agreement: %s", one.told())
    return tuple(found)


def _on_device(
    bundle: Bundle, squares: np.ndarray, device: str, accelerator: str, batch_size: int
) -> list[Agreement]:
    def read(way: str) -> Answers:
        reader = Reader(
            bundle, accelerator=accelerator, batch_size=batch_size, choice=Choice(way)
        )
        return reader.read(squares)

    ways = [way for way in WAYS if not missing(way, choose_device(accelerator))]
    log.info("agreement: the %s has %s", device, ", ".join(ways) or "fp32 alone")
    exact, points = read(FP32) if ways else None, bundle.card.operating_points
    found: list[Agreement] = []
    for way in ways:
        if exact is None or _is_needless(way, found):
            continue
        try:
            other = read(way)
        except Exception as error:  # noqa: BLE001 a training is not lost by it
            log.warning("agreement: %s fails here: %s", way, type(error).__name__)
            continue
        found.append(compare(exact, other, precision=way, device=device, points=points))
    return found


def _is_needless(way: str, found: list[Agreement]) -> bool:
    """Return whether a faster way of the same engine agrees, in bf16 as this one is."""
    engine = way.startswith(OPENVINO)
    agree = [
        one.precision
        for one in found
        if not one.obstacle and one.precision.startswith(OPENVINO) == engine
    ]
    return BF16 in way and any(BF16 in one for one in agree)
