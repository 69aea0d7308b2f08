"""How far answers in another arithmetic are from those in 32 bit, and what is allowed.

Temperature and thresholds come from films read in 32 bit. Another arithmetic may read
at night where it gives the same answers: measured on films of val when the bundle is
made, kept in its card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cxrmlops.vocabulary.findings import OperatingPoint

MIN_IMAGES = 40  # of val; fewer show little
MAX_MEAN = 1e-3  # of the differences of probability
MAX_LARGEST = 0.01
MAX_FLIPS = 0.01  # share of the films whose answer changes at a threshold; one may
MAX_MAP = 0.02  # difference of a cell, as a share of the largest evidence


@dataclass(frozen=True)
class Agreement:
    """Differences from 32 bit on n films of val; probabilities are calibrated, 0-1."""

    precision: str  # what was compared, of `precision.WAYS`
    device: str  # cpu or cuda: each rounds in its own way
    n: int
    mean_difference: float  # of probabilities, absolute
    largest_difference: float
    flips: Mapping[str, int]  # operating point -> films whose answer changes
    map_difference: float  # largest of a cell, as a share of the largest evidence

    @property
    def obstacle(self) -> str:
        """Return why it may not read in 32 bit's place; "" it may."""
        if self.n < MIN_IMAGES:
            return f"compared on {self.n} films, {MIN_IMAGES} are needed"
        bounds = {
            "mean difference": (self.mean_difference, MAX_MEAN),
            "largest difference": (self.largest_difference, MAX_LARGEST),
            "difference of maps": (self.map_difference, MAX_MAP),
        }
        too_far = [
            f"{name} {found:.4f}, allowed {bound:g}"
            for name, (found, bound) in bounds.items()
            if not found <= bound
        ]
        most = max(1, int(MAX_FLIPS * self.n))
        too_far += [
            f"{flips} of {self.n} answers change at {name}, allowed {most}"
            for name, flips in self.flips.items()
            if flips > most
        ]
        return "; ".join(too_far)

    def told(self) -> str:
        """Say the figures in one line."""
        flips = ", ".join(f"{n} at {name}" for name, n in self.flips.items())
        return (
            f"{self.precision} on {self.device} against fp32, {self.n} films of val: "
            f"probabilities differ by {self.mean_difference:.5f} (mean) and "
            f"{self.largest_difference:.4f} (largest), answers change: {flips}, maps "
            f"differ by {self.map_difference:.4f}; "
            + ("agrees" if not self.obstacle else f"not used: {self.obstacle}")
        )


class Answered(Protocol):
    """Answers to n films, such as `model.inference.Answers`."""

    @property
    def probability(self) -> np.ndarray:
        """Calibrated, shape (n,), 0-1."""

    @property
    def evidence(self) -> np.ndarray:
        """Maps, shape (n, h, w), logit units."""


def compare(
    exact: Answered,
    other: Answered,
    *,
    precision: str,
    device: str,
    points: Sequence[OperatingPoint],
) -> Agreement:
    """Compare the answers to the same n films, n at least 1.

    Args:
        exact: in 32 bit.
        other: likewise, in the arithmetic that is asked about.
        precision: its name.
        device: where both were computed.
        points: thresholds of the bundle.
    """
    was, now = exact.probability, other.probability
    apart = np.abs(now.astype(np.float64) - was)
    maps = np.abs(other.evidence.astype(np.float64) - exact.evidence)
    evidence = max(
        float(np.abs(exact.evidence).max()), float(np.finfo(np.float32).tiny)
    )
    return Agreement(
        precision=precision,
        device=device,
        n=len(apart),
        mean_difference=float(apart.mean()),
        largest_difference=float(apart.max()),
        flips={
            point.name: int(
                ((was >= point.threshold) != (now >= point.threshold)).sum()
            )
            for point in points
        },
        map_difference=float(maps.max()) / evidence,
    )
