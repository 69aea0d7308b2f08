"""
Whether a film is like those that a network learnt from, by the network's own features.

A network answers whatever it is shown. The features of every stage, averaged over the
film, of train films form a cloud; what lies far outside was never learnt. The cloud is
a Gaussian with few free directions and equal noise in all others (probabilistic PCA,
Tipping and Bishop 1999), the distance is Mahalanobis' (Lee et al. 2018, "A Simple
Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks").
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

STAGES = ("layer1", "layer2", "layer3", "layer4")  # of torchvision's ResNets
DIRECTIONS = 32  # at most; a quarter of the films if that is less
MIN_IMAGES = 40  # of train, and of val; fewer describe no cloud
MARGIN = 2.0  # the limit is so many times the distance of the farthest film of val
_LEAST_SCALE = 0.25  # of the usual standard deviation: a dead channel is no ruler
_EPSILON = 1e-6
_HERE = threading.local()  # `found`, `parts`: what this thread collects

Output = TypeVar("Output")


@dataclass(frozen=True)
class Familiar:
    """What the films that a network learnt from look like to it.

    d features, k directions.
    """

    mean: np.ndarray  # (d,) float32
    scale: np.ndarray  # (d,) float32, standard deviation
    directions: np.ndarray  # (k, d) float32, orthonormal
    variance: np.ndarray  # (k,) float32, along them
    noise: float  # variance in every other direction
    limit: float  # distance from which a film is unlike them

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return the mean squared deviation in standard deviations: about 1 is usual.

        Args:
            features: shape (n, d), as `collected` gives them.

        Returns:
            Shape (n,), float64.
        """
        centred = (features.astype(np.float64) - self.mean) / self.scale
        along = centred @ self.directions.T.astype(np.float64)
        rest = np.square(centred).sum(1) - np.square(along).sum(1)
        within = (np.square(along) / self.variance).sum(1)
        return np.asarray((within + rest.clip(0) / self.noise) / features.shape[1])

    def coordinates(self, features: np.ndarray, n: int) -> np.ndarray:
        """Return where films lie along the first n directions, in standard deviations.

        Args:
            features: shape (m, d), as `collected` gives them.
            n: directions; NaN beyond those that there are.

        Returns:
            Shape (m, n), float64.
        """
        centred = (features.astype(np.float64) - self.mean) / self.scale
        along = centred @ self.directions[:n].T.astype(np.float64)
        found = np.full((len(features), n), np.nan)
        found[:, : along.shape[1]] = along / np.sqrt(self.variance[:n])
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays for the bundle's reference."""
        return {
            f"familiar_{name}": np.asarray(value, np.float32)
            for name, value in vars(self).items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Familiar | None":
        """Take them from a bundle's reference; None: there were too few films."""
        names = cls.__dataclass_fields__
        found = {name: arrays.get(f"familiar_{name}") for name in names}
        if any(value is None for value in found.values()):
            return None
        noise, limit = (float(found.pop(name)) for name in ("noise", "limit"))  # type: ignore[arg-type]
        return cls(**found, noise=noise, limit=limit)  # type: ignore[arg-type]


@contextmanager
def collected(network: nn.Module) -> Iterator[list[np.ndarray]]:
    """Collect what a ResNet's stages find in the films that it reads in the block.

    Of an ensemble: what those of each network find, the last stages side by side at the
    end, so that its logit, too, is one weighted sum of them.

    Yields:
        A list that grows by an array per batch, shape (n, d), float32: every channel
        of every stage, averaged over the film.
    """
    members = getattr(network, "members", (network,))
    keep = partial(_keep, len(members) * len(STAGES))
    found: list[np.ndarray] = []
    before = getattr(_HERE, "found", None)
    hooks = [
        getattr(member, name).register_forward_hook(keep)
        for member in members
        for name in STAGES
    ]
    _HERE.found, _HERE.parts = found, []
    try:
        yield found
    finally:
        _HERE.found = before
        for hook in hooks:
            hook.remove()


def _keep(n_parts: int, _module: nn.Module, _inputs: object, made: Tensor) -> None:
    parts = _HERE.parts
    parts.append(made.float().mean((2, 3)))
    if len(parts) == n_parts:  # network by network; wanted is stage by stage
        by_stage = [one for k in range(len(STAGES)) for one in parts[k :: len(STAGES)]]
        _HERE.found.append(torch.cat(by_stage, dim=1).cpu().numpy())
        parts.clear()


def collected_here(
    read: Callable[[np.ndarray], Output],
) -> Callable[[np.ndarray], tuple[Output, list[np.ndarray]]]:
    """Let another thread read films: what it collects comes with what it read.

    See `handed_over`, which the thread that is in `collected` calls.
    """

    def both(images: np.ndarray) -> tuple[Output, list[np.ndarray]]:
        _HERE.found, _HERE.parts = [], []
        return read(images), _HERE.found

    return both


def handed_over(made: tuple[Output, list[np.ndarray]]) -> Output:
    """Put what another thread collected where this one collects, if it does."""
    answer, found = made
    if getattr(_HERE, "found", None) is not None:
        _HERE.found.extend(found)
    return answer


def fit_familiar(train: np.ndarray, val: np.ndarray) -> Familiar | None:
    """Describe the cloud of train, and set the limit by the films of val.

    Args:
        train: features, shape (n, d).
        val: features, shape (m, d).

    Returns:
        None if there are fewer than `MIN_IMAGES` of either.
    """
    if min(len(train), len(val)) < MIN_IMAGES:
        return None
    mean, scale = train.mean(0), train.std(0)
    scale = np.maximum(scale, _LEAST_SCALE * np.median(scale) + _EPSILON)
    centred = ((train - mean) / scale).astype(np.float64)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variance = np.square(singular) / (len(train) - 1)
    k = min(DIRECTIONS, len(train) // 4)
    rest = max(centred.shape[1] - k, 1)
    made = Familiar(
        mean=mean,
        scale=scale,
        directions=directions[:k].astype(np.float32),
        variance=np.maximum(variance[:k], _EPSILON).astype(np.float32),
        noise=max(float(variance[k:].sum() / rest), _EPSILON),
        limit=np.inf,
    )
    return Familiar(**vars(made) | {"limit": MARGIN * float(made.distance(val).max())})
