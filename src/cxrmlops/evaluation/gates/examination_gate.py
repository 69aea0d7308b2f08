"""Pass or fail on what the examination found: shortcuts and heat maps."""

from collections.abc import Callable
from dataclasses import dataclass

from cxrmlops.evaluation.gates.gate import ceiling, floor, gate_result, not_assessed
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import (
    AnswerChange,
    Examination,
    Inflation,
    MapFigures,
    Probe,
)
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import GateResult

JUDGED = ("acquisition", "outside")  # kinds of probes that see nothing of a patient


@dataclass(frozen=True)
class ExaminationBounds:
    """What an examined candidate must show; params.yaml: gate has the same names."""

    max_shortcut_auc: float  # upper end
    max_auc_inflation: float  # upper end
    min_subgroup_n: int  # studies; fewer are not assessed
    min_auc_change: float  # lower end
    max_map_disagreement: float  # of the largest evidence
    max_randomised_weights_correlation: float  # upper end
    min_repeated_correlation: float  # lower end
    min_road: float  # lower end, logit units
    max_corner_concentration: float  # upper end
    min_map_images: int  # fewer are not assessed


def judge_examination(
    examination: Examination, metrics: Metrics, *, bounds: ExaminationBounds
) -> list[GateResult]:
    """Put every question about the examination.

    Args:
        examination: of the candidate.
        metrics: of the same model and split.
        bounds: what the candidate must show.
    """
    return [
        _same_model(examination, metrics),
        *(
            _shortcut(probe, bounds)
            for probe in examination.shortcuts
            if probe.kind in JUDGED
        ),
        *(_inflation(each, bounds) for each in examination.inflation),
        *(_change(each, bounds) for each in examination.robustness),
        *_maps(examination.maps, bounds),
    ]


def _same_model(examination: Examination, metrics: Metrics) -> GateResult:
    names = ("bundle_hash", "split_hash")
    wrong = [
        name for name in names if getattr(examination, name) != getattr(metrics, name)
    ]
    reason = "examined model and split are those that test was read with"
    if wrong:
        reason = f"{' and '.join(wrong)} of the examination differ from the figures'"
    return gate_result("same_model", len(wrong), 0, None, not wrong, reason)


def _shortcut(probe: Probe, bounds: ExaminationBounds) -> GateResult:
    """Refuse a cohort whose label can be read off without a lung."""
    what = f"AUC that {probe.name} alone reaches on val"
    return _assessed(
        f"shortcut.{probe.name}", what, probe.auc, bounds.max_shortcut_auc,
        n=probe.n, least=bounds.min_subgroup_n,
    )  # fmt: skip


def _inflation(each: Inflation, bounds: ExaminationBounds) -> GateResult:
    """Refuse a network whose AUC comes from differences between levels."""
    what = f"AUC on val over the AUC within each {each.name}"
    return _assessed(
        f"inflation.{each.name}", what, each.inflation, bounds.max_auc_inflation,
        n=each.n, least=bounds.min_subgroup_n,
    )  # fmt: skip


def _change(each: AnswerChange, bounds: ExaminationBounds) -> GateResult:
    """Refuse a network that reads the way a film is shown, or its markers."""
    what = f"change of the AUC on val by '{each.name}'"
    name = f"robustness.{each.name.replace(' ', '_')}"
    return _assessed(
        name, what, each.auc_change, bounds.min_auc_change,
        n=each.n, least=bounds.min_subgroup_n, judge=floor,
    )  # fmt: skip


def _maps(maps: MapFigures, bounds: ExaminationBounds) -> list[GateResult]:
    """Refuse a network whose heat maps mean nothing."""
    gates = [_disagreement(maps, bounds.max_map_disagreement)]
    lowest, highest = (
        bounds.min_repeated_correlation,
        bounds.max_randomised_weights_correlation,
    )
    at_edge = bounds.max_corner_concentration
    questions = [
        ("redrawn", "correlation with the map of redrawn weights",
         maps.redrawn["conv1"], highest, ceiling),
        *(
            (f"repeated.{change}", f"correlation with the map under {change}",
             figure, lowest, floor)
            for change, figure in maps.repeated.items()
        ),
        ("road", "ROAD over a map that points nowhere", maps.road, bounds.min_road,
         floor),
        ("corners", "evidence in corners over their area", maps.corners, at_edge,
         ceiling),
    ]  # fmt: skip
    for name, what, figure, bound, judge in questions:
        if figure is None or figure.n < bounds.min_map_images:
            n = figure.n if figure else 0
            reason = f"heat maps, {what}: {n} films are too few"
            gates.append(not_assessed(f"maps.{name}", bound, n, reason))
        else:
            gates.append(judge(f"maps.{name}", f"heat maps, {what}", figure, bound))
    return gates


def _disagreement(maps: MapFigures, bound: float) -> GateResult:
    apart = maps.disagreement
    passed = apart <= bound
    than = "at most" if passed else "more than"
    return gate_result(
        "maps.agreement", apart, bound, maps.n_images, passed,
        f"heat maps differ from Grad-CAM by {apart:.1e}, {than} {bound:.1e}",
    )  # fmt: skip


def _assessed(
    name: str,
    what: str,
    figure: Estimate | None,
    bound: float,
    *,
    n: int,
    least: int,
    judge: Callable[[str, str, Estimate, float], GateResult] = ceiling,
) -> GateResult:
    if figure is None:
        reason = f"{what}: one level only, or too few studies of each class"
        return not_assessed(name, bound, n, reason)
    if figure.n < least:
        reason = f"{what}: {figure.n} studies are too few"
        return not_assessed(name, bound, figure.n, reason)
    return judge(name, what, figure, bound)
