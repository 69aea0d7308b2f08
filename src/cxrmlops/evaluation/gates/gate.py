"""
Pass or fail, with reasons.

A gate looks at the end of an interval that hurts, never at the point estimate, which
flips on noise. What cannot be assessed says so; it is not a pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cxrmlops.data.split_membership import split_hash
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.validation import Validation
from cxrmlops.records.verdict import ASSESSED, GateResult

HASHES = ("split_hash", "test_hash")
SAME_THRESHOLD = 1e-9


@dataclass(frozen=True)
class Bounds:
    """What a candidate must show; params.yaml: gate has the same names."""

    min_auc_lower: float
    min_recall_asf_lower: float  # balanced point
    min_recall_nsf_lower: float
    min_high_sensitivity_lower: float  # recall ASF at the high-sensitivity point
    max_ece: float  # upper end
    min_test_studies: int
    min_thumbnail_margin: float  # lower end of the paired difference


def judge(
    metrics: Metrics,
    images: pd.DataFrame,
    *,
    manifest: SplitManifest,
    validation: Validation,
    bounds: Bounds,
) -> list[GateResult]:
    """Put every question, in the order of the line.

    Args:
        metrics: of the candidate.
        images: SPLITS rows; leaks are looked for again, whatever the manifest says.
        manifest: of the split.
        validation: of the cohort.
        bounds: what the candidate must show.
    """
    return [
        _validated(validation),
        judge_leak(images, policy=manifest.policy),
        _same_data(metrics, images, manifest),
        _thresholds(metrics),
        _enough(metrics, bounds.min_test_studies),
        *judge_figures(metrics.figures, bounds),
    ]


def judge_figures(figures: Mapping[str, Estimate], bounds: Bounds) -> list[GateResult]:
    """Put the questions about all test studies together; `figures` are by name."""
    return [
        floor("auc", "AUC", figures.get("auc"), bounds.min_auc_lower),
        *_recalls(figures, bounds),
        ceiling("ece", "calibration error", figures.get("ece"), bounds.max_ece),
        floor(
            "thumbnail",
            "AUC over a 16 x 16 thumbnail",
            figures.get("auc_over_thumbnail"),
            bounds.min_thumbnail_margin,
        ),
    ]


def judge_leak(images: pd.DataFrame, *, policy: str) -> GateResult:
    """Ask that nobody stands on two sides.

    Args:
        images: SPLITS rows.
        policy: by which the split was drawn.
    """
    found = {what: n for what, n in leaks(images).items() if n}
    told = ", ".join(f"{what} {n}" for what, n in found.items())
    reason = f"in more than one split: {told}" if told else "no patient on two sides"
    if policy != "patient":
        reason = f"split policy '{policy}' leaks by design ({told or 'none here'})"
    passed = not found and policy == "patient"
    return gate_result("no_leak", sum(found.values()), 0, len(images), passed, reason)


def judge_assessed(gates: Sequence[GateResult], at_most: float) -> GateResult:
    """Ask that enough questions have an answer; else the verdict is `not assessed`.

    Args:
        gates: all the others.
        at_most: share of them that may be without an answer, 0-1.
    """
    n = sum(gate.verdict == "not_assessed" for gate in gates)
    share = n / len(gates)
    than = "at most" if share <= at_most else "more than"
    reason = f"{n} of {len(gates)} questions not assessed, {than} {at_most:.0%}"
    if share > at_most:
        return not_assessed(ASSESSED, at_most, len(gates), reason)
    return gate_result(ASSESSED, share, at_most, len(gates), True, reason)


def leaks(images: pd.DataFrame) -> dict[str, int]:
    """Count patients, groups and films that stand on more than one side.

    Args:
        images: SPLITS rows.

    Returns:
        what -> number; films are compared by the hash of their decoded pixels.
    """
    kinds = {
        "patients": "patient_id",
        "groups": "group",
        "studies": "study_id",
        "films": "pixel_hash",
    }
    return {
        what: int((images.groupby(column).split.nunique() > 1).sum())
        for what, column in kinds.items()
    }


def _validated(validation: Validation) -> GateResult:
    passed = validation.success
    return gate_result(
        "data_validation",
        float(passed),
        1,
        validation.n,
        passed,
        f"data validation {'succeeded' if passed else 'failed'}: {validation.unmet} of "
        f"{len(validation.expectations)} expectations unmet, "
        f"{validation.quarantined} of {validation.n} films quarantined",
    )


def _same_data(
    metrics: Metrics, images: pd.DataFrame, manifest: SplitManifest
) -> GateResult:
    test = images[images.split == "test"]
    now = {
        "split_hash": (manifest.hash, split_hash(images.image_id, images.split)),
        "test_hash": (manifest.test_hash, split_hash(test.image_id, test.split)),
    }
    wrong = [name for name in HASHES if {getattr(metrics, name)} != set(now[name])]
    if not metrics.bundle_hash:
        wrong.append("bundle_hash")
    reason = "figures, manifest and split table name the same split"
    if wrong:
        reason = f"{' and '.join(wrong)} of the figures differ from the split at hand"
    return gate_result("same_data", len(wrong), 0, len(test), not wrong, reason)


def _thresholds(metrics: Metrics) -> GateResult:
    moved = metrics.thresholds_moved
    passed = moved <= SAME_THRESHOLD
    reason = "thresholds are those that val gives"
    if not passed:
        reason = f"a threshold is {moved:.4f} away from the one that val gives"
    return gate_result("thresholds", moved, SAME_THRESHOLD, None, passed, reason)


def _enough(metrics: Metrics, least: int) -> GateResult:
    n = metrics.n_test_studies
    reason = f"{n} test studies, at least {least} asked"
    return gate_result("test_studies", n, least, n, n >= least, reason)


def _recalls(figures: Mapping[str, Estimate], bounds: Bounds) -> list[GateResult]:
    questions = (
        ("balanced.recall_asf", bounds.min_recall_asf_lower),
        ("balanced.recall_nsf", bounds.min_recall_nsf_lower),
        ("high_sensitivity.recall_asf", bounds.min_high_sensitivity_lower),
    )
    gates = []
    for name, bound in questions:
        point, figure = name.split(".")
        what = f"recall {figure[-3:].upper()} at the {point.replace('_', '-')} point"
        gates.append(floor(name, what, figures.get(name), bound))
    return gates


def floor(name: str, what: str, figure: Estimate | None, bound: float) -> GateResult:
    """Ask that the lower end of a figure's interval reaches the bound."""
    if figure is None:
        return _missing(name, what, bound)
    low = figure.low
    than = "reaches" if low >= bound else "is under"
    reason = f"{what}: 95 % lower bound {low:.4f} {than} {bound:.4f}"
    return gate_result(name, low, bound, figure.n, low >= bound, reason)


def ceiling(name: str, what: str, figure: Estimate | None, bound: float) -> GateResult:
    """Ask that the upper end of a figure's interval stays within the bound."""
    if figure is None:
        return _missing(name, what, bound)
    high = figure.high
    than = "stays within" if high <= bound else "is over"
    reason = f"{what}: 95 % upper bound {high:.4f} {than} {bound:.4f}"
    return gate_result(name, high, bound, figure.n, high <= bound, reason)


def not_assessed(name: str, bound: float, n: int | None, reason: str) -> GateResult:
    """Say why a question has no answer; it is not a pass."""
    return GateResult(
        name=name, value=None, bound=bound, n=n, verdict="not_assessed", reason=reason
    )


def _missing(name: str, what: str, bound: float) -> GateResult:
    """A headline figure that could not be computed is no reason to let a model in."""
    return gate_result(name, None, bound, None, False, f"{what} could not be computed")


def gate_result(
    name: str,
    value: float | None,
    bound: float,
    n: int | None,
    passed: bool,
    reason: str,
) -> GateResult:
    """Write down a question that has an answer."""
    return GateResult(
        name=name,
        value=value,
        bound=bound,
        n=n,
        verdict="pass" if passed else "fail",
        reason=reason,
    )
