"""What a bundle keeps of films: what val looks like, and which films are like train."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.model.ensemble import Network
from cxrmlops.model.inference import read_squares
from cxrmlops.model.out_of_distribution import Familiar, collected
from cxrmlops.model.skew import skew_logit

PROBABILITY_BINS = 100  # of the histogram that drift is measured against

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageReading:
    """What the network says of films."""

    logit: np.ndarray  # (n,) float32
    features: np.ndarray  # (n, d) float32
    intensity: np.ndarray  # (256,) int64, pixels by grey value
    side: int  # pixels


def read_stored_images(
    network: Network,
    preprocess: Path,
    rows: pd.DataFrame,
    *,
    device: torch.device,
    batch_size: int,
) -> ImageReading:
    """Read films from their shards.

    Args:
        network: in eval mode, on the device.
        preprocess: folder of the shards.
        rows: shard and row of each film; one film at least.
        device: where to compute.
        batch_size: films at once.
    """
    logits, intensity = [], np.zeros(256, np.int64)
    with collected(network) as features:
        for squares in map(image_squares(preprocess), in_parts(rows, batch_size)):
            intensity += np.bincount(squares.ravel(), minlength=256)
            logit, _ = read_squares(
                network, squares, device=device, batch_size=batch_size
            )
            logits.append(logit)
            features[-1] = features[-1][: len(squares)]  # a GPU's batch is filled up
    side = squares.shape[1]
    return ImageReading(
        np.concatenate(logits), np.concatenate(features), intensity, side
    )


def reference_arrays(
    network: Network,
    probability: np.ndarray,
    *,
    val: ImageReading,
    familiar: Familiar | None,
) -> dict[str, np.ndarray]:
    """Put together what reference.npz holds of films.

    Args:
        network: as the bundle will hold it.
        probability: shape (n,), calibrated, of the films of val.
        val: films of val.
        familiar: which films are like those of train; None: too few to say.
    """
    arrays = {
        "intensity": val.intensity,
        "probability": np.histogram(probability, PROBABILITY_BINS, (0, 1))[0],
        "skew_logit": skew_logit(network, val.side),
    }
    if familiar is None:
        log.warning("train: too few films to say which are like them; none is refused")
        return arrays
    return arrays | familiar.to_arrays()
