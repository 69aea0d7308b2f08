"""
How far apart the best and the worst read level of a group are.

The largest AUC less the smallest is never negative, grows by noise alone, and was
picked among all pairs. So its limits are those of all pairs' differences at once
(paired DeLong, Bonferroni): what holds for every pair holds for the widest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd
from scipy.stats import norm

from cxrmlops.evaluation.performance.figures import Predictions
from cxrmlops.evaluation.performance.subgroups import Group, auc_of, members
from cxrmlops.evaluation.statistics.intervals import ALPHA, Floats, Interval
from cxrmlops.evaluation.statistics.ranking import standard_error

Ranked = tuple[float, Floats]  # AUC, and the influence of each study on it


@dataclass(frozen=True)
class SubgroupGap:
    """Largest less smallest AUC among the levels of one group."""

    group: str
    highest: str  # level
    lowest: str
    gap: Interval  # at least 95 %, conservative; lower limit 0: noise may explain it


def subgroup_gaps(
    studies: pd.DataFrame, read: Predictions, groups: Sequence[Group]
) -> list[SubgroupGap]:
    """Return the spread of every group with two assessed levels or more.

    Args:
        studies: n_studies rows, in the order of `read`.
        read: the answers.
        groups: what `subgroups` found in them; levels not assessed are left out.
    """
    assessed = {(each.group, each.level): each for each in groups if each.assessed}
    found = {
        (name, level): auc_of(rows, read)
        for name, level, rows in members(studies, read.abnormal)
        if (name, level) in assessed
    }
    levels: dict[str, list[str]] = {}
    for name, level in found:
        levels.setdefault(name, []).append(level)
    return [
        _spread(
            name,
            {level: found[name, level] for level in each},
            read,
            n=sum(_n(assessed[name, level]) for level in each),
        )
        for name, each in levels.items()
        if len(each) > 1
    ]


def _n(group: Group) -> int:
    """Count a finding type by its own studies: all normals stand against each."""
    return group.n_asf if group.group == "finding" else group.n


def _spread(
    name: str, levels: Mapping[str, Ranked], read: Predictions, *, n: int
) -> SubgroupGap:
    pairs = list(combinations(levels, 2))
    z = float(norm.ppf(1 - ALPHA / (2 * len(pairs))))
    lows, highs = [0.0], []
    for one, other in pairs:
        value = abs(levels[one][0] - levels[other][0])
        difference = levels[one][1] - levels[other][1]
        step = z * standard_error(difference, read.patient)
        lows.append(value - step)
        highs.append(min(1.0, value + step))
    highest = max(levels, key=lambda level: levels[level][0])
    lowest = min(levels, key=lambda level: levels[level][0])
    value = levels[highest][0] - levels[lowest][0]
    return SubgroupGap(name, highest, lowest, Interval(value, max(lows), max(highs), n))
