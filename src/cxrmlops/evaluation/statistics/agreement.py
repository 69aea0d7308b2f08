"""How far two readers agree beyond chance."""

import numpy as np
import numpy.typing as npt
from statsmodels.stats.inter_rater import cohens_kappa

from cxrmlops.evaluation.statistics.intervals import Interval


def cohen_kappa(counts: npt.ArrayLike) -> Interval | None:
    """Return Cohen's kappa with its interval (Fleiss, Cohen and Everitt 1969).

    Args:
        counts: shape (2, 2), studies by the answer of one reader and of the other.

    Returns:
        None where a reader gave one answer to all: chance agreement is then total.
    """
    table = np.asarray(counts)
    if (table.sum(0) == 0).any() or (table.sum(1) == 0).any():
        return None
    found = cohens_kappa(table)
    return Interval(
        float(found.kappa),
        float(found.kappa_low),
        float(found.kappa_upp),
        int(table.sum()),
    )
