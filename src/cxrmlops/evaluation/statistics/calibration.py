"""Logits -> probabilities that mean what they say, fitted on val and nothing else."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import root
from scipy.special import expit

from cxrmlops.data.split_membership import check_fitting_rows

MAX_TEMPERATURE = 20.0
PRIOR = 1.0  # studies' worth of belief that the logits are right as they are
PRECISION = 1e-12  # relative, of slope and intercept

_Floats = npt.NDArray[np.float64]


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
    ones = np.ones_like(x)
    slope, intercept = _fit(np.stack([x, ones], 1), 0 * x, y, np.array([1.0, 0.0]))
    if slope < 1 / MAX_TEMPERATURE:  # the network knows next to nothing
        slope = 1 / MAX_TEMPERATURE
        (intercept,) = _fit(ones[:, None], slope * x, y, np.zeros(1))
    return Calibration(temperature=float(1 / slope), shift=float(intercept / slope))


def _fit(columns: _Floats, offset: _Floats, y: _Floats, prior: _Floats) -> _Floats:
    """Find where a convex function of the coefficients is flat."""

    def gradient(at: _Floats) -> _Floats:
        return columns.T @ (expit(offset + columns @ at) - y) + PRIOR * (at - prior)

    def curvature(at: _Floats) -> _Floats:
        p = expit(offset + columns @ at)
        weighted = columns * (p * (1 - p))[:, None]
        return weighted.T @ columns + PRIOR * np.eye(len(at))

    found = root(gradient, prior, jac=curvature, method="lm", tol=PRECISION)
    return found.x
