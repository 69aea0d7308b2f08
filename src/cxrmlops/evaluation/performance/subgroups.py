"""
For whom: the figures again for every group that can be told apart.

Twenty groups at 95 % show one interval off by chance; a gap is a reason to look, not
yet a finding. Groups with too few studies carry no interval and say so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.performance.figures import Predictions
from cxrmlops.evaluation.statistics.intervals import Bools, Interval, Z, proportion
from cxrmlops.evaluation.statistics.ranking import auc, auc_interval, standard_error

MIN_PER_CLASS = 10  # studies of a class; fewer are not assessed
AGE_BANDS = (18, 40, 60, 80)  # years, lower ends


@dataclass(frozen=True)
class Group:
    """One group's figures; None where too few studies belong to it."""

    group: str  # sex, age, view, portable, ..., n_images or finding
    level: str
    n: int  # studies
    n_asf: int
    n_nsf: int
    auc: Interval | None = None
    gap: Interval | None = None  # AUC of the group less that of all other studies
    recall_asf: Interval | None = None  # at the balanced point
    recall_nsf: Interval | None = None

    @property
    def assessed(self) -> bool:
        """Whether both classes are large enough."""
        return self.auc is not None


def subgroups(
    studies: pd.DataFrame, read: Predictions, *, threshold: float
) -> list[Group]:
    """Return each group's figures, in a fixed order.

    A finding type is judged on its own studies against every normal one: it has no
    normals of its own.

    Args:
        studies: n_studies rows with the group columns of `tables.STUDIES`, in the order
            of `read`.
        read: the answers.
        threshold: of the balanced point.
    """
    groups = []
    for name, level, rows in members(studies, read.abnormal):
        groups.append(_group(name, level, rows, read, threshold=threshold))
    return groups


def members(studies: pd.DataFrame, abnormal: Bools) -> Iterator[tuple[str, str, Bools]]:
    """Name every group and level, with the rows that belong to it, in a fixed order."""
    columns = {
        "sex": studies.sex,
        "age": age_band(studies.age_years),
        "view": studies.view,
        "portable": studies.portable,
        "manufacturer": studies.manufacturer.replace("", "unknown"),
        "source": studies.source,
        "year": studies.year.astype("string").fillna("unknown"),
        "n_images": pd.Series(
            np.where(studies.n_images > 1, "2 or more", "1"), index=studies.index
        ),
    }
    for name, column in columns.items():
        for level in sorted(column.unique()):
            yield name, level, (column == level).to_numpy(dtype=bool)
    listed = studies.findings.str.split("|").map(frozenset)
    for kind in sorted(frozenset().union(*listed) - {""}):
        shown = listed.map(lambda kinds, kind=kind: kind in kinds).to_numpy(dtype=bool)
        yield "finding", kind, (shown & abnormal) | ~abnormal


def age_band(age_years: pd.Series) -> pd.Series:
    """Name the band of each age in years: `18-39`, ..., `80+`, `unknown`."""
    ends = [0, *AGE_BANDS, np.inf]
    names = [f"under {AGE_BANDS[0]}"]
    names += [f"{a}-{b - 1}" for a, b in zip(AGE_BANDS, AGE_BANDS[1:], strict=False)]
    names += [f"{AGE_BANDS[-1]}+"]
    band = pd.cut(age_years, bins=ends, right=False, labels=names)
    return band.astype("string").fillna("unknown")


def _group(
    name: str, level: str, rows: Bools, read: Predictions, *, threshold: float
) -> Group:
    is_asf = read.abnormal & rows
    is_nsf = ~read.abnormal & rows
    n, n_asf, n_nsf = (int(each.sum()) for each in (rows, is_asf, is_nsf))
    if min(n_asf, n_nsf) < MIN_PER_CLASS:
        return Group(name, level, n, n_asf, n_nsf)
    flagged = read.probability >= threshold
    # every normal serves each finding type, so only the abnormal differ
    rest = (read.abnormal & ~rows) | ~read.abnormal if name == "finding" else ~rows
    return Group(
        name,
        level,
        n,
        n_asf,
        n_nsf,
        auc=auc_interval(read.probability[rows], is_asf[rows], read.patient[rows]),
        gap=_gap(rows, rest, read),
        recall_asf=proportion(flagged[is_asf], read.patient[is_asf]),
        recall_nsf=proportion(~flagged[is_nsf], read.patient[is_nsf]),
    )


def _gap(rows: Bools, rest: Bools, read: Predictions) -> Interval | None:
    sides = [read.abnormal[rest].sum(), (~read.abnormal[rest]).sum()]
    if min(sides) < MIN_PER_CLASS:
        return None
    here, there = auc_of(rows, read), auc_of(rest, read)
    value = here[0] - there[0]
    error = standard_error(here[1] - there[1], read.patient)
    return Interval(value, value - Z * error, value + Z * error, int(rows.sum()))


def auc_of(rows: Bools, read: Predictions) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the AUC of some studies, and its influence, 0 for the others."""
    found = auc(read.probability[rows], read.abnormal[rows], read.patient[rows])
    spread = np.zeros(len(read))
    spread[rows] = found.influence
    return found.value, spread
