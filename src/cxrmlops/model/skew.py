"""Made-up films that travel with a bundle: does this machine compute what it should?"""

import numpy as np
import torch

from cxrmlops.model.bundle import Bundle
from cxrmlops.model.ensemble import Network
from cxrmlops.model.inference import Reader, read_squares
from cxrmlops.system.errors import BundleError, ResourceError

IMAGES = 3
# Logit units. 32 bit on another processor differs by 1e-5, bf16 on a GPU by 1e-2; a
# wrong channel order, scale or library shows as 1e-1 and more.
TOLERANCE = 0.1


def skew_images(size: int) -> np.ndarray:
    """Draw two dark fields in a bright one, by formula: no patient, always the same.

    Args:
        size: pixels per side.

    Returns:
        Shape (3, size, size), uint8.
    """
    across, down = np.meshgrid(*[(np.arange(size) + 0.5) / size * 2 - 1] * 2)
    images = []
    for number in range(IMAGES):
        width, height = 0.30 + 0.04 * number, 0.65 - 0.05 * number
        lungs = sum(
            ((across - side * 0.45) / width) ** 2 + (down / height) ** 2 < 1
            for side in (-1, 1)
        )
        shade = 190 - 30 * down - 20 * number
        images.append(np.where(lungs, shade - 110, shade))
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def skew_logit(network: Network, size: int) -> np.ndarray:
    """Read the films in 32 bit on the CPU: shape (3,), float32.

    The network is moved there and stays.
    """
    here = torch.device("cpu")
    return read_squares(
        network.to(here), skew_images(size), device=here, batch_size=IMAGES
    )[0]


def check_skew(bundle: Bundle, reader: Reader) -> float:
    """Read the bundle's own films and compare with what they gave when it was made.

    Returns:
        The largest difference, in logit units.

    Raises:
        BundleError: the bundle has no answers to compare with.
        ResourceError: this machine's answers are not the bundle's.
    """
    expected = bundle.reference.get("skew_logit", np.empty(0))
    if expected.shape != (IMAGES,):
        raise BundleError(
            f"model '{bundle.card.name}' has no answers to its own test films; fetch "
            "or train the model again"
        )
    found = reader.read(skew_images(bundle.card.size)).logit
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE:
        raise ResourceError(
            f"model '{bundle.card.name}' answers its own test films differently here, "
            f"by up to {difference:.3f} logits (allowed {TOLERANCE}); install the "
            f"torch it was made with ({bundle.card.lineage.get('torch', 'unknown')})"
        )
    return difference
