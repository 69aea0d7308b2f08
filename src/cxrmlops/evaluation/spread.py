"""
How far apart the best and the worst read group are.

The largest of several AUCs less the smallest is never negative, and grows by noise
alone. The interval is a bootstrap by patient, reflected, so that groups which are read
alike give a lower limit of 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrmlops.evaluation.figures import Reading
from cxrmlops.evaluation.intervals import (
    Bools,
    Figure,
    Floats,
    Interval,
    basic,
    by_patient,
)
from cxrmlops.evaluation.ranking import auc_figure
from cxrmlops.evaluation.subgroups import Group, members


@dataclass(frozen=True)
class Spread:
    """Largest less smallest AUC among the levels of one group."""

    group: str
    highest: str  # level
    lowest: str
    gap: Interval


def spreads(
    studies: pd.DataFrame,
    read: Reading,
    groups: Sequence[Group],
    *,
    rounds: int,
    seed: int,
) -> list[Spread]:
    """Give the spread of every group with two assessed levels or more.

    Args:
        studies: n_studies rows, in the order of `read`.
        read: the answers.
        groups: what `subgroups` found in them; levels not assessed are left out.
        rounds: of the bootstrap.
        seed: of the bootstrap.
    """
    assessed = {(g.group, g.level): g for g in groups if g.assessed}
    levels: dict[str, dict[str, Bools]] = {}
    for name, level, rows in members(studies, read.abnormal):
        if (name, level) in assessed:
            levels.setdefault(name, {})[level] = rows
    several = {name: rows for name, rows in levels.items() if len(rows) > 1}
    figures = {name: _spread_figure(rows, read) for name, rows in several.items()}
    draws = by_patient(figures, read.patient, rounds=rounds, seed=seed)
    return [
        _spread(name, [assessed[name, level] for level in several[name]], draws[name])
        for name in several
    ]


def _spread(name: str, levels: Sequence[Group], draws: Floats) -> Spread:
    values = {each.level: each.auc.value for each in levels if each.auc}
    highest = max(values, key=values.__getitem__)
    lowest = min(values, key=values.__getitem__)
    n = sum(each.n_asf if name == "finding" else each.n for each in levels)
    value = values[highest] - values[lowest]
    return Spread(name, highest, lowest, basic(value, draws, n=n, floor=0.0))


def _spread_figure(levels: Mapping[str, Bools], read: Reading) -> Figure:
    parts = [
        (rows, auc_figure(read.probability[rows], read.abnormal[rows]))
        for rows in levels.values()
    ]

    def figure(weights: Floats) -> Floats:
        areas = np.stack([area(weights[:, rows]) for rows, area in parts])
        return np.asarray(areas.max(axis=0) - areas.min(axis=0), dtype=np.float64)

    return figure
