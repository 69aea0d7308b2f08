"""Films of val, read by a new bundle in every precision of this machine."""

import logging

import numpy as np

from cxrmlops.model.agreement import Agreement, compare
from cxrmlops.model.bundle import Bundle
from cxrmlops.model.device import choose_device
from cxrmlops.model.inference import Reader
from cxrmlops.model.precision import FP32, WAYS, Choice, missing

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
        One agreement for each kind of device here and each way to read that it has.
    """
    devices = {choose_device(name).type: name for name in (accelerator, "cpu")}
    found = []
    for device, name in sorted(devices.items()):
        ways = [way for way in WAYS if not missing(way, choose_device(name))]
        log.info("agreement: %s has %s", device, ", ".join(ways) or "fp32 alone")
        if not ways:
            continue
        answers = {
            way: Reader(
                bundle, accelerator=name, batch_size=batch_size, choice=Choice(way)
            ).read(squares)
            for way in (FP32, *ways)
        }
        found += [
            compare(
                answers[FP32],
                answers[way],
                precision=way,
                device=device,
                points=bundle.card.operating_points,
            )
            for way in ways
        ]
    for one in found:
        log.info("agreement: %s", one.told())
    return tuple(found)
