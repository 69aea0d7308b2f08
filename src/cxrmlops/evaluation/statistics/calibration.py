"""Logits -> probabilities that mean what they say, fitted on val and nothing else."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrmlops.data.split_membership import check_fitting_rows

MAX_TEMPERATURE = 20.0
PRIOR = 1.0  # studies' worth of belief that the logits are right as they are
ROUNDS = 100
PRECISION = 1e-10


@dataclass(frozen=True)
class Calibration:
    """`probability = sigmoid((logit + shift) / temperature)`."""

    temperature: float  # above 1: the network was too sure
    shift: float  # logit units; undoes class weights


def fit_temperature(
    logit: npt.ArrayLike, abnormal: npt.ArrayLike, split: npt.ArrayLike
) -> Calibration:
    """Find the temperature and shift under which val is most likely.

    Temperature scaling (Guo 2017) with an intercept (Platt 1999): class weights and
    another share of ASF move all logits, which a temperature alone cannot undo. The
    order of studies stays as it is. One study's worth of belief in the logits as they
    are keeps both finite when val is told apart without error.

    Args:
        logit: shape (n_studies,), joined by the study rule.
        abnormal: shape (n_studies,), bool, ASF stated in the report.
        split: shape (n_studies,), every one "val".

    Raises:
        LeakError: a row does not belong to val.
        DataError: val lacks one of the classes, or a logit is not a number.
    """
    x = np.asarray(logit, np.float64)
    is_asf = np.asarray(abnormal, bool)
    check_fitting_rows(
        x, is_asf, split, what="temperature and shift", measured="logits"
    )
    y = is_asf.astype(np.float64)
    slope, intercept = _fit(x, y)
    if slope < 1 / MAX_TEMPERATURE:  # the network knows next to nothing
        slope = 1 / MAX_TEMPERATURE
        _, intercept = _fit(x * slope, y, fixed_slope=True)
    return Calibration(temperature=1 / slope, shift=intercept / slope)


def _fit(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    *,
    fixed_slope: bool = False,
) -> tuple[float, float]:
    """Newton's method on a convex function of (slope, intercept)."""
    columns = np.stack([x, np.ones_like(x)], 1)  # (n, 2)
    start = np.array([1.0, 0.0])
    free = [1] if fixed_slope else [0, 1]

    def loss(at: npt.NDArray[np.float64]) -> float:
        z = columns @ at
        return float(
            (np.logaddexp(0, z) - y * z).sum() + PRIOR * ((at - start) ** 2).sum() / 2
        )

    at = start.copy()
    for _ in range(ROUNDS):
        p = 0.5 * (1 + np.tanh(columns @ at / 2))
        gradient = columns.T @ (p - y) + PRIOR * (at - start)
        curvature = (columns * (p * (1 - p))[:, None]).T @ columns + PRIOR * np.eye(2)
        step = np.zeros(2)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        while loss(at - step) > loss(at) and np.abs(step).max() > PRECISION:
            step /= 2  # far from the answer a whole step can overshoot
        at = at - step
        if np.abs(step).max() <= PRECISION:
            break
    return float(at[0]), float(at[1])
