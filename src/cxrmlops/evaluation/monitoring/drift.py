"""
Which of a night's columns have moved away from val, with false alarms bounded.

Two windows end with the night: the night alone, which shows what is sudden, and the
last `nights` days, which show what is slow or small. Every column is compared as a
whole and, numbers, within each vendor and view. All comparisons of a night share one
allowance of false alarms by Bonferroni, each kind an equal part of it, or scores would
starve beside dozens of headers: whatever their dependence, at most a share
`false_alarms` of undrifted nights raises any alarm. Resampling val for limits would
give little more power, for the price of a night's size that has to be guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrmlops.evaluation.monitoring.two_samples import (
    Difference,
    numbers_differ,
    shares_differ,
)
from cxrmlops.records.watch import Shift
from cxrmlops.vocabulary.watched import GROUPS, NUMBERS, WORDS, Watched

ALL = "all"
KINDS = ("not_evaluable", "out_of_scope", "no_identity")  # of rejections


@dataclass(frozen=True)
class Rules:
    """When two samples are compared, and when their difference is an alarm."""

    false_alarms: float  # share of undrifted nights
    min_studies: int
    min_group_studies: int
    min_shift: float


@dataclass(frozen=True)
class Window:
    """Studies of the last nights, WATCHED with a column flagged (bool)."""

    nights: int  # days
    studies: pd.DataFrame


@dataclass(frozen=True)
class Reference:
    """What undrifted nights look like."""

    studies: pd.DataFrame  # of val, WATCHED with source and flagged
    patients: int  # independent witnesses among them
    baseline: pd.DataFrame  # WATCHED of the model's first nights, for rejects

    @property
    def weight(self) -> float:
        """Return the patients per study of val: their studies are alike."""
        return min(1.0, self.patients / max(len(self.studies), 1))


def compare(
    windows: Sequence[Window], reference: Reference, *, site: str, rules: Rules
) -> list[Shift]:
    """Make every comparison that enough studies allow.

    Args:
        windows: of different length, all ending with the night.
        reference: val, and the first nights.
        site: name of this site; its own studies of val are compared, too, where val
            comes from several.
        rules: sizes and allowance.

    Returns:
        Comparisons, smallest p first.
    """
    found = []
    for window in windows:
        found += list(_of_val(window, reference, site, rules))
        found += list(_rejects(window, reference, rules))
    shifts = [_judged(one, found, rules) for one in found]
    return sorted(shifts, key=lambda one: (one.p, -one.size, one.feature, one.group))


def _judged(one: Shift, found: Sequence[Shift], rules: Rules) -> Shift:
    """Give a comparison its share of the allowance, and say whether it is an alarm."""
    kinds = [each.kind for each in found]
    limit = rules.false_alarms / len(set(kinds)) / kinds.count(one.kind)
    is_alarm = one.p <= limit and one.size >= rules.min_shift
    return one.model_copy(update={"limit": limit, "is_alarm": is_alarm})


def _of_val(
    window: Window, reference: Reference, site: str, rules: Rules
) -> Iterator[Shift]:
    now = window.studies[window.studies.outcome == "scored"]
    val = reference.studies
    if min(len(now), len(val)) < rules.min_studies:
        return
    yield from _words(window.nights, now, reference)
    for group, ours, theirs in _groups(now, val, site, rules):
        weight = reference.weight
        for name, kind in NUMBERS.items():
            a, b = _finite(ours[name]), _finite(theirs[name])
            if min(len(a), len(b)) >= rules.min_studies:
                told = numbers_differ(a, np.sort(b), weight=weight)
                yield _shift(kind, name, group, window.nights, (len(a), len(b)), told)
        counts = int(ours.flagged.sum()), len(ours), int(theirs.flagged.sum())
        told = shares_differ(*counts, len(theirs), weight=weight)
        sizes = len(ours), len(theirs)
        yield _shift(Watched.SCORES, "answer = ASF", group, window.nights, sizes, told)


def _words(nights: int, now: pd.DataFrame, reference: Reference) -> Iterator[Shift]:
    """Compare the share of each level; those that val never had are one together."""
    for name in WORDS:
        before, here = _counts(reference.studies[name]), _counts(now[name])
        levels = {level: (here.get(level, 0), n) for level, n in before.items()}
        new = len(now) - sum(n for n, _ in levels.values())
        for level, (found, known) in (levels | {"not in val": (new, 0)}).items():
            told = shares_differ(
                *(found, len(now), known, len(reference.studies)),
                weight=reference.weight,
            )
            yield _shift(
                Watched.HEADERS,
                f"{name} = {level}",
                ALL,
                nights,
                (len(now), len(reference.studies)),
                told,
            )


def _groups(
    now: pd.DataFrame, val: pd.DataFrame, site: str, rules: Rules
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    columns = [*NUMBERS, "flagged"]  # text would be copied group by group
    ours, theirs = now[columns], val[columns]
    yield ALL, ours, theirs
    pairs = [
        (f"{name} = {level}", now[name] == level, val[name] == level)
        for name in GROUPS
        for level in sorted(val[name].unique())
    ]
    if val.source.nunique() > 1:
        everyone = pd.Series(True, index=now.index)
        pairs.append((f"site = {site}", everyone, val.source == site))
    for group, here, there in pairs:
        if min(here.sum(), there.sum()) >= rules.min_group_studies:
            yield group, ours[here.to_numpy(bool)], theirs[there.to_numpy(bool)]


def _rejects(window: Window, reference: Reference, rules: Rules) -> Iterator[Shift]:
    """Compare rejections with the model's first nights: val has none of them."""
    maker, known = window.studies.manufacturer, reference.baseline.manufacturer
    kinds, before = window.studies.kind, reference.baseline.kind
    pairs = [(ALL, kinds, before)]
    pairs += [
        (f"manufacturer = {level}", kinds[maker == level], before[known == level])
        for level in sorted(known.unique())
    ]
    for group, ours, theirs in pairs:
        least = rules.min_studies if group == ALL else rules.min_group_studies
        if min(len(ours), len(theirs)) < least:
            continue
        for kind in KINDS:
            found = int((ours == kind).sum()), len(ours)
            rejected = int((theirs == kind).sum()), len(theirs)
            yield _shift(
                Watched.REJECTS,
                f"rejected = {kind}",
                group,
                window.nights,
                (len(ours), len(theirs)),
                shares_differ(*found, *rejected),
            )


def _finite(column: pd.Series) -> np.ndarray:
    values = column.to_numpy(np.float64)
    return values[np.isfinite(values)]


def _counts(column: pd.Series) -> Mapping[str, int]:
    return {str(level): int(n) for level, n in column.value_counts().items()}


def _shift(
    kind: Watched,
    feature: str,
    group: str,
    nights: int,
    sizes: tuple[int, int],
    told: Difference,
) -> Shift:
    return Shift(
        kind=kind.value,
        feature=feature,
        group=group,
        nights=nights,
        n=sizes[0],
        n_reference=sizes[1],
        reference=told.reference,
        now=told.now,
        size=told.size,
        p=told.p,
        limit=0.0,
        is_alarm=False,
    )
