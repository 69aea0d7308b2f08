"""
How sure we are of a figure: 95 % intervals that count patients, not films.

Several studies of one patient are not independent. Proportions are Wilson intervals on
the effective number of studies; everything without a closed form is a bootstrap that
draws patients. With one study a patient both are the textbook methods.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import proportion_confint

ALPHA = 0.05
Z = 1.959963984540054  # 97.5 % point of the normal distribution
BLOCK = 4_000_000  # weights held at once: 32 MB of float64

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
# weights (rounds, n_studies) -> the figure in each round, NaN where it is undefined
Figure = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int  # studies in its denominator

    def __str__(self) -> str:
        """Write value and limits with three digits."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def wilson(found: float, n: float) -> Interval:
    """Return `found` of `n` with Wilson's score interval (Wilson, JASA 1927).

    `n` may be an effective number; the interval carries it rounded.
    """
    low, high = proportion_confint(found, n, alpha=ALPHA, method="wilson")
    share = found / n  # rounding must not put it outside its own limits
    return Interval(share, min(float(low), share), max(float(high), share), round(n))


def proportion(hit: npt.ArrayLike, patient: npt.ArrayLike) -> Interval | None:
    """Return the share of hits with a Wilson interval on the effective sample size.

    The effective size is n over the design effect, the variance between patients'
    totals over the binomial variance (Korn and Graubard, 1998), never below one. Where
    every study agrees the design effect is unknown, and patients are counted.

    Args:
        hit: shape (n_studies,), bool.
        patient: shape (n_studies,), one pseudonym per study.

    Returns:
        The interval, with n = n_studies, or None without studies.
    """
    hits = np.asarray(hit, dtype=bool)
    if not len(hits):
        return None
    share = float(hits.mean())
    size = len(hits) / design_effect(hits - share, codes(patient))
    interval = wilson(share * size, size)
    return Interval(
        share, min(interval.low, share), max(interval.high, share), len(hits)
    )


def design_effect(residual: Floats, patient: Ints) -> float:
    """Return how much larger the variance is than if every study had its own patient.

    Args:
        residual: shape (n_studies,), adding up to 0.
        patient: shape (n_studies,), 0 ... n_patients - 1.
    """
    independent = float(np.sum(residual**2))
    if independent < 1e-12:
        return len(residual) / (int(patient.max()) + 1)
    clustered = float(np.sum(np.bincount(patient, residual) ** 2))
    return max(1.0, clustered / independent)


def codes(patient: npt.ArrayLike) -> Ints:
    """Number the patients 0 ... n_patients - 1 in the order of their pseudonyms."""
    _, number = np.unique(np.asarray(patient), return_inverse=True)
    return number.astype(np.int64)


def resampled(
    patient: npt.ArrayLike, *, rounds: int, seed: int, block: int = BLOCK
) -> Iterator[Floats]:
    """Draw patients with replacement, and say how often each study is in.

    Args:
        patient: shape (n_studies,), one pseudonym per study.
        rounds: draws in all.
        seed: the same seed and patients give the same draws, in any order of rows.
        block: weights held at once.

    Yields:
        Shape (up to rounds, n_studies), float64 counts, `rounds` rows in all.
    """
    number = codes(patient)
    patients = int(number.max()) + 1
    draw = np.random.default_rng(seed)
    step = max(1, block // len(number))
    for start in range(0, rounds, step):
        size = min(step, rounds - start)
        picked = draw.integers(patients, size=(size, patients))
        picked += np.arange(size)[:, None] * patients
        count = np.bincount(picked.ravel(), minlength=size * patients)
        yield count.reshape(size, patients)[:, number].astype(np.float64)


def by_patient(
    figures: Mapping[str, Figure],
    patient: npt.ArrayLike,
    *,
    rounds: int = 2000,
    seed: int = 0,
) -> dict[str, Floats]:
    """Compute every figure on the same draws of patients.

    Because the draws are shared, the difference of two results is a paired bootstrap.

    Returns:
        name -> shape (rounds,); NaN in rounds where a figure is undefined.
    """
    parts: dict[str, list[Floats]] = {name: [] for name in figures}
    for weights in resampled(patient, rounds=rounds, seed=seed):
        for name, figure in figures.items():
            parts[name].append(figure(weights))
    return {name: np.concatenate(part) for name, part in parts.items()}


def percentile(value: float, draws: Floats, *, n: int) -> Interval:
    """Turn bootstrap draws into a percentile interval around `value`."""
    kept = draws[np.isfinite(draws)]
    if not len(kept) or not np.isfinite(value):
        return Interval(value, nan, nan, n)
    low, high = np.percentile(kept, [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(value, float(min(low, value)), float(max(high, value)), n)


def ratio(above: Interval, below: Interval) -> Interval:
    """Divide two independent figures, with limits from theirs (MOVER-R).

    Donner and Zou, Statistical Methods in Medical Research 2012. The value and the
    upper limit are infinite where the divisor may be 0.
    """
    a, b = above, below
    cross = a.value * b.value
    from_low = a.low * (2 * a.value - a.low)
    from_high = a.high * (2 * a.value - a.high)
    to_low, to_high = b.low * (2 * b.value - b.low), b.high * (2 * b.value - b.high)
    bottom = cross + sqrt(max(0.0, cross**2 - from_low * to_high))
    top = cross + sqrt(max(0.0, cross**2 - from_high * to_low))
    value = a.value / b.value if b.value else inf if a.value else nan
    low = from_low / bottom if bottom else 0.0
    return Interval(value, low, top / to_low if to_low > 0 else inf, min(a.n, b.n))
