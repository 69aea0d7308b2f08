"""
How the evidence of all cells becomes one logit; here without torch, for drawing.

`mean` is global average pooling: every cell counts alike, and a small finding has to
raise cells far from it to raise the logit. `log_sum_exp` lies between mean and maximum
(Pinheiro and Collobert, CVPR 2015; Wang, ChestX-ray8, CVPR 2017): cells that speak
loudest count most. `model.network` pools by the same formulas.
"""

import numpy as np

MEAN, LOG_SUM_EXP = "mean", "log_sum_exp"
POOLINGS = (MEAN, LOG_SUM_EXP)
SHARPNESS = 4.0  # r; towards 0 the mean, towards infinity the maximum


def pooled(evidence: np.ndarray, pooling: str) -> float:
    """Pool one map, so that `pooled(evidence) + bias` is the film's logit.

    Args:
        evidence: shape (h, w), logit units.
        pooling: one of `POOLINGS`.

    Returns:
        The mean, or `ln(mean(exp(r e))) / r`; of a map that is the same everywhere
        either is that value.

    Raises:
        ValueError: there is no such pooling.
    """
    check_pooling(pooling)
    values = evidence.astype(np.float64)
    if pooling == MEAN:
        return float(values.mean())
    most = values.max()  # taken out first: exp of a large number is infinite
    return float(most + np.log(np.exp(SHARPNESS * (values - most)).mean()) / SHARPNESS)


def check_pooling(pooling: str) -> None:
    """Raise ValueError where there is no such pooling."""
    if pooling not in POOLINGS:
        raise ValueError(
            f"no pooling is called '{pooling}'; choose one of {', '.join(POOLINGS)}"
        )
