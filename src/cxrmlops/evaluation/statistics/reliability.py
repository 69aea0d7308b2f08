"""Whether a probability means what it says: bins, Brier score, slope, intercept."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import ModelWarning

from cxrmlops.evaluation.statistics.intervals import (
    Bools,
    Figure,
    Floats,
    Interval,
    Ints,
    Z,
    codes,
    proportion,
)

EDGE = 1e-9  # logits of probabilities closer to 0 or 1 than this are cut


@dataclass(frozen=True)
class Bin:
    """Studies of like probability, and how many of them were abnormal."""

    predicted: float  # mean probability
    observed: Interval  # share of ASF


def bin_of(probability: Floats, *, bins: int) -> Ints:
    """Put equally many studies in each bin; equal probabilities share one.

    Bins of equal width would leave a handful of studies in the middle ones, because a
    good reader is seldom in doubt.

    Returns:
        Shape (n_studies,), 0 ... number of bins - 1; fewer bins than asked where ties
        or few studies forbid more.
    """
    cuts = np.quantile(probability, np.arange(1, bins) / bins, method="higher")
    found = np.searchsorted(np.unique(cuts), probability, side="right")
    _, number = np.unique(found, return_inverse=True)
    return number.astype(np.int64)


def reliability(
    probability: Floats, abnormal: Bools, patient: npt.ArrayLike, *, bins: int
) -> list[Bin]:
    """Compare the predicted with the observed share of ASF, bin by bin."""
    number = bin_of(probability, bins=bins)
    names = np.asarray(patient)
    table = []
    for each in range(int(number.max()) + 1):
        rows = number == each
        observed = proportion(abnormal[rows], names[rows])
        if observed is not None:
            table.append(Bin(float(probability[rows].mean()), observed))
    return table


def brier_figure(probability: Floats, abnormal: Bools) -> Figure:
    """Make the mean squared error of the probability a figure of the weights."""
    squared = (probability - abnormal) ** 2
    return lambda weights: (weights @ squared) / weights.sum(axis=1)


def calibration_line(
    probability: Floats, abnormal: Bools, patient: npt.ArrayLike
) -> dict[str, Interval]:
    """Fit abnormal on the logit of the probability, with errors that count patients.

    Returns:
        `calibration_slope` (1 is right; below: too sure) and `calibration_intercept`
        (0 is right; above: says too little; the slope held at 1). A figure that cannot
        be fitted is left out, as where the classes are separated completely.
    """
    logit = np.log(np.clip(probability, EDGE, 1 - EDGE))
    logit -= np.log(np.clip(1 - probability, EDGE, 1 - EDGE))
    is_asf = abnormal.astype(np.float64)
    if not _overlap(logit[abnormal], logit[~abnormal]):
        return {}
    groups = codes(patient)
    ones = np.ones((len(logit), 1))
    fits = {
        "calibration_slope": _fit(is_asf, np.column_stack([logit, ones]), groups),
        "calibration_intercept": _fit(is_asf, ones, groups, offset=logit),
    }
    return {name: fit for name, fit in fits.items() if fit is not None}


def _overlap(one: Floats, other: Floats) -> bool:
    """Whether neither class lies wholly above the other: else no slope is best."""
    return bool(one.max() > other.min() and other.max() > one.min())


def _fit(
    is_asf: Floats, design: Floats, groups: Ints, *, offset: Floats | None = None
) -> Interval | None:
    model = GLM(is_asf, design, family=Binomial(), offset=offset)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", ModelWarning)
            fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    except ModelWarning:  # too few studies between the classes for a line
        return None
    value, error = float(fit.params[0]), float(fit.bse[0])
    if not np.isfinite([value, error]).all():
        return None
    return Interval(value, value - Z * error, value + Z * error, len(is_asf))
