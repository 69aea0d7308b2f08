"""Two readers of the same studies: how far apart, and whether by chance."""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar

from cxrmlops.evaluation.statistics.intervals import Interval, Z
from cxrmlops.evaluation.statistics.ranking import auc, standard_error

EXACT_BELOW = 25  # discordant studies; the binomial test serves fewer


@dataclass(frozen=True)
class Difference:
    """This reader less the other, with a two-sided test of no difference."""

    interval: Interval
    p: float


@dataclass(frozen=True)
class McNemar:
    """Studies that one of two readers answered right and the other wrong."""

    only_first_right: int
    only_second_right: int
    p: float


def auc_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    abnormal: npt.ArrayLike,
    patient: npt.ArrayLike,
) -> Difference:
    """Compare two AUCs on the same studies: paired DeLong, patient by patient.

    Args:
        first: shape (n_studies,), scores of one reader; only their order counts.
        second: shape (n_studies,), scores of the other.
        abnormal: shape (n_studies,), bool, both classes present.
        patient: shape (n_studies,), one pseudonym per study.
    """
    one, two = auc(first, abnormal, patient), auc(second, abnormal, patient)
    value = one.value - two.value
    error = standard_error(one.influence - two.influence, patient)
    n = len(one.influence)
    interval = Interval(
        value, max(-1.0, value - Z * error), min(1.0, value + Z * error), n
    )
    if error < 1e-12:  # both rank alike, or both perfectly
        return Difference(interval, 1.0 if abs(value) < 1e-12 else 0.0)
    return Difference(interval, erfc(abs(value) / error / sqrt(2)))


def answers_differ(
    first: npt.ArrayLike, second: npt.ArrayLike, abnormal: npt.ArrayLike
) -> McNemar:
    """Compare two readers' answers on the same studies (McNemar, 1947).

    Args:
        first: shape (n_studies,), bool, one reader's answer is ASF.
        second: shape (n_studies,), bool, the other's.
        abnormal: shape (n_studies,), bool; recall of ASF alone is compared by handing
            over abnormal studies only.
    """
    truth = np.asarray(abnormal, dtype=bool)
    one = np.asarray(first, dtype=bool) == truth
    two = np.asarray(second, dtype=bool) == truth
    table = [
        [int((one & two).sum()), int((one & ~two).sum())],
        [int((~one & two).sum()), int((~one & ~two).sum())],
    ]
    discordant = table[0][1] + table[1][0]
    test = mcnemar(table, exact=discordant < EXACT_BELOW, correction=False)
    return McNemar(table[0][1], table[1][0], float(min(1.0, test.pvalue)))
