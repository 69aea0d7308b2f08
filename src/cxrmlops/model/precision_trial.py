"""Films of val, read by a new bundle in every precision of this machine."""

import logging

import numpy as np

from cxrmlops.model.agreement import Agreement, compare
from cxrmlops.model.bundle import Bundle
from cxrmlops.model.device import choose_device
from cxrmlops.model.inference import Reader
from cxrmlops.model.precision import BF16, EXACT, Choice, has_bf16

IMAGES = 300  # of val, at most: seconds for a ResNet-18, minutes for a ResNet-152

log = logging.getLogger(__name__)


def measure(
    bundle: Bundle, squares: np.ndarray, *, accelerator: str, batch_size: int
) -> tuple[Agreement, ...]:
    """Compare bf16 with 32 bit on the CPU, and on the GPU that trained, if one did.

    Args:
        bundle: with temperature and thresholds; its card's agreement is not looked at.
        squares: of val, shape (n, size, size), uint8, n at least 1.
        accelerator: `auto`, `cpu` or `gpu`, of the training.
        batch_size: films at a time.

    Returns:
        One agreement for each kind of device here that has bf16.
    """
    devices = {choose_device(name).type: name for name in (accelerator, "cpu")}
    found = []
    for device, name in sorted(devices.items()):
        if not has_bf16(choose_device(name)):
            log.info("agreement: bf16 is not compared, this %s has none", device)
            continue
        exact, other = (
            Reader(bundle, accelerator=name, batch_size=batch_size, choice=choice).read(
                squares
            )
            for choice in (EXACT, Choice(BF16))
        )
        found.append(
            compare(
                (exact.probability, exact.evidence),
                (other.probability, other.evidence),
                precision=BF16,
                device=device,
                points=bundle.card.operating_points,
            )
        )
        log.info("agreement: %s", found[-1].told())
    return tuple(found)
