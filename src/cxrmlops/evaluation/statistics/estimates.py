"""Intervals as records hold them."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.records.estimate import Estimate


def estimate(interval: Interval | None) -> Estimate | None:
    """Return an interval as a record holds it; None where an end is not finite."""
    if interval is None or not all(map(isfinite, asdict(interval).values())):
        return None
    return Estimate(**asdict(interval))


def estimates(figures: Mapping[str, Interval]) -> dict[str, Estimate]:
    """Leave out what could not be computed: a missing name is no zero."""
    written = {name: estimate(figure) for name, figure in figures.items()}
    return {name: each for name, each in written.items() if each is not None}


def with_estimates(figures: object) -> dict[str, Any]:
    """Return the fields of a dataclass by name, its intervals as records hold them."""
    return {
        name: estimate(value) if isinstance(value, Interval) else value
        for name, value in vars(figures).items()
    }
