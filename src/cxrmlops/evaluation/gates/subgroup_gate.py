"""
Pass or fail for whom: a floor for each group that is large enough to show it.

A group is counted by its smaller class, since that decides how wide its interval is (a
finding: its own studies; all normals stand against each). Large groups are asked for
more than small ones. A model passes only if every floor is shown, so that each holds at
its own level without a correction (intersection-union test; Berger, Technometrics
1982). Of a group too small to show a floor only harm can be shown: that is tested with
Holm's correction (Scand J Stat 1979) over all such groups, so that all of them together
refuse a model that is at the floor everywhere in 2.5 % of test sets at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from cxrmlops.evaluation.gates.gate import floor, gate_result, not_assessed
from cxrmlops.evaluation.statistics.intervals import ALPHA, Z
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import SubgroupFigures
from cxrmlops.records.verdict import GateResult

UNKNOWN = "unknown"  # level: whoever does not state the attribute is no group


@dataclass(frozen=True)
class SubgroupBounds:
    """What each group must show; params.yaml: gate has the same names."""

    min_subgroup_auc_lower: float
    min_large_subgroup_auc_lower: float
    min_subgroup_per_class: int  # fewer: only shown harm refuses
    large_subgroup_per_class: int  # from here on the higher floor


def judge_subgroups(
    groups: Sequence[SubgroupFigures], *, n_test_studies: int, bounds: SubgroupBounds
) -> list[GateResult]:
    """Put one question for each group, in their order.

    Args:
        groups: of the test set; one that holds all studies is no subgroup.
        n_test_studies: of the test set.
        bounds: what each must show.
    """
    parts = [group for group in groups if group.n < n_test_studies]
    harmed = _harmed([g for g in parts if _is_small(g, bounds)], bounds)
    return [_subgroup(group, bounds, is_harmed=group in harmed) for group in parts]


def _is_small(group: SubgroupFigures, bounds: SubgroupBounds) -> bool:
    is_known = group.level != UNKNOWN and group.auc is not None
    return is_known and group.smaller_class < bounds.min_subgroup_per_class


def _harmed(
    small: Sequence[SubgroupFigures], bounds: SubgroupBounds
) -> list[SubgroupFigures]:
    """Return the groups that are shown to lie under the floor, after Holm."""
    if not small:
        return []
    p = [_p_of_floor(g.auc, bounds.min_subgroup_auc_lower) for g in small if g.auc]
    shown = multipletests(p, alpha=ALPHA / 2, method="holm")[0]
    return [group for group, is_shown in zip(small, shown, strict=True) if is_shown]


def _p_of_floor(figure: Estimate, bound: float) -> float:
    """Return the one-sided p of an AUC at the floor, from the interval's logit scale.

    An interval that holds the floor is no harm whatever the family, and may have no
    standard error (perfect separation).
    """
    if figure.high >= bound:
        return 1.0
    value, low, high = logit(np.clip(figure.limits, 1e-9, 1 - 1e-9))
    return float(norm.cdf((value - logit(bound)) * 2 * Z / (high - low)))


def _subgroup(
    group: SubgroupFigures, bounds: SubgroupBounds, *, is_harmed: bool
) -> GateResult:
    name = f"subgroup.{group.group}.{group.level}"
    what = f"AUC of {group.group} {group.level}"
    bound = _floor_of(group, bounds)
    counted = f"{what}: {group.n_asf} ASF and {group.n_nsf} NSF studies"
    if group.level == UNKNOWN:
        reason = f"{what}: whose {group.group} nobody states is no group"
        return not_assessed(name, bound, group.studies, reason)
    if group.auc is None:
        return not_assessed(name, bound, group.studies, f"{counted} are too few")
    if is_harmed:
        high = group.auc.high
        reason = f"{counted} are few, and show less than {bound:.2f} (Holm)"
        return gate_result(name, high, bound, group.auc.n, False, reason)
    if group.smaller_class < bounds.min_subgroup_per_class:
        reason = f"{counted} are too few to show {bound:.2f}; they show no harm"
        return not_assessed(name, bound, group.studies, reason)
    return floor(name, what, group.auc, bound)


def _floor_of(group: SubgroupFigures, bounds: SubgroupBounds) -> float:
    if group.smaller_class >= bounds.large_subgroup_per_class:
        return bounds.min_large_subgroup_auc_lower
    return bounds.min_subgroup_auc_lower
