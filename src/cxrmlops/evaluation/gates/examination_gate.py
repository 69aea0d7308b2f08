"""Pass or fail on what the examination found: shortcuts and heat maps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cxrmlops.evaluation.gates.gate import ceiling, floor, gate_result, not_assessed
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import (
    AnswerChange,
    BoxFigures,
    Examination,
    Inflation,
    MapFigures,
    Probe,
)
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import GateResult

ACQUISITION, OUTSIDE = "acquisition", "outside"  # kinds of probes that are judged
CHOSEN_FOR_THE_PATIENT = ("view", "portable")  # the sick are filmed in bed


@dataclass(frozen=True)
class ExaminationBounds:
    """What an examined candidate must show; params.yaml: gate has the same names."""

    max_shortcut_auc: float  # upper end
    max_shortcut_excess: float  # upper end
    max_auc_inflation: float  # upper end
    min_subgroup_n: int  # studies; fewer are not assessed
    min_auc_change: float  # lower end
    max_randomised_weights_correlation: float  # upper end
    min_repeated_correlation: float  # lower end
    min_road: float  # lower end, logit units
    max_corner_concentration: float  # upper end
    min_pointing_gain: float  # lower end
    min_inside_gain: float  # lower end
    min_pixel_auc: float  # lower end
    min_map_images: int  # fewer are not assessed


@dataclass(frozen=True)
class _Question:
    """What one figure is asked."""

    name: str
    what: str
    bound: float
    judge: Callable[[str, str, Estimate, float], GateResult]

    def of(self, figure: Estimate) -> GateResult:
        return self.judge(self.name, self.what, figure, self.bound)

    def unanswered(self, n: int, why: str) -> GateResult:
        return not_assessed(self.name, self.bound, n, f"{self.what}: {why}")


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
        *(_shortcut(probe, bounds) for probe in _judged_alone(examination, bounds)),
        *(judge_inflation(each, bounds) for each in examination.inflation),
        *(_change(each, bounds) for each in examination.robustness),
        *_maps(examination.maps, bounds),
        *_boxes(examination.boxes, bounds),
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


def _judged_alone(examination: Examination, bounds: ExaminationBounds) -> list[Probe]:
    """Choose the probes that are held against the cohort.

    A view tells how sick a patient is: that it tells the label is no fault of the
    cohort. Whether the model rests on it is asked by its inflation, and only where
    that has no answer is the view judged as if it were a vendor.
    """
    answered = {
        each.name
        for each in examination.inflation
        if each.inflation and each.inflation.n >= bounds.min_subgroup_n
    }
    excused = answered.intersection(CHOSEN_FOR_THE_PATIENT)
    return [
        probe
        for probe in examination.shortcuts
        if probe.kind in (ACQUISITION, OUTSIDE) and probe.name not in excused
    ]


def _shortcut(probe: Probe, bounds: ExaminationBounds) -> GateResult:
    """Refuse a cohort whose label can be read off without a lung.

    What lies outside the chest shows the patient as well, so that only what it adds is
    held against it.
    """
    what = f"AUC that {probe.name} alone reaches on val"
    bound, figure = bounds.max_shortcut_auc, probe.auc
    if probe.kind == OUTSIDE:
        what = f"AUC on val that {probe.name} adds to the inside, age, sex and view"
        bound, figure = bounds.max_shortcut_excess, probe.excess
    question = _Question(f"shortcut.{probe.name}", what, bound, ceiling)
    return _assessed(question, figure, n=probe.n, least=bounds.min_subgroup_n)


def judge_inflation(each: Inflation, bounds: ExaminationBounds) -> GateResult:
    """Refuse a network whose AUC comes from differences between levels."""
    name = f"inflation.{each.name}"
    what = f"AUC on val over the AUC within each {each.name}"
    question = _Question(name, what, bounds.max_auc_inflation, ceiling)
    return _assessed(question, each.inflation, n=each.n, least=bounds.min_subgroup_n)


def _change(each: AnswerChange, bounds: ExaminationBounds) -> GateResult:
    """Refuse a network that reads the way a film is shown, or its markers."""
    name = f"robustness.{each.name.replace(' ', '_')}"
    what = f"change of the AUC on val by '{each.name}'"
    question = _Question(name, what, bounds.min_auc_change, floor)
    return _assessed(question, each.auc_change, n=each.n, least=bounds.min_subgroup_n)


def _maps(maps: MapFigures, bounds: ExaminationBounds) -> list[GateResult]:
    """Refuse a network whose heat maps mean nothing."""
    same = "heat maps, correlation with the map"
    redrawn = "heat maps, absolute correlation with those of redrawn weights"
    nowhere = "heat maps, ROAD over a map that points nowhere"
    at_edge = "heat maps, evidence in corners over their area"
    most = bounds.max_randomised_weights_correlation
    least = bounds.min_repeated_correlation
    questions = [
        _Question("maps.redrawn", redrawn, most, ceiling),
        *(
            _Question(f"maps.repeated.{change}", f"{same} under {change}", least, floor)
            for change in maps.repeated
        ),
        _Question("maps.road", nowhere, bounds.min_road, floor),
        _Question("maps.corners", at_edge, bounds.max_corner_concentration, ceiling),
    ]
    figures = [maps.all_redrawn, *maps.repeated.values(), maps.road, maps.corners]
    return [
        _of_films(question, figure, least=bounds.min_map_images)
        for question, figure in zip(questions, figures, strict=True)
    ]


def _boxes(
    boxes: Sequence[BoxFigures], bounds: ExaminationBounds
) -> Iterator[GateResult]:
    """Refuse a network whose maps point at boxes no more often than chance would."""
    val = next((each for each in boxes if each.split == "val"), None)
    over, where = "less the boxes' share of the film", "on val"
    questions = {
        "pointing_gain": _Question(
            "maps.pointing",
            f"pointing game {where} {over}",
            bounds.min_pointing_gain,
            floor,
        ),
        "inside_gain": _Question(
            "maps.inside",
            f"evidence inside boxes {where} {over}",
            bounds.min_inside_gain,
            floor,
        ),
        "pixel_auc": _Question(
            "maps.pixel_auc",
            f"evidence inside boxes against outside {where}, AUC",
            bounds.min_pixel_auc,
            floor,
        ),
    }
    for name, question in questions.items():
        if val is None:
            yield question.unanswered(0, "no boxes are known (examine.boxes)")
        else:
            figure = getattr(val, name)
            yield _of_films(question, figure, least=bounds.min_map_images)


def _of_films(
    question: _Question, figure: Estimate | None, *, least: int
) -> GateResult:
    n = figure.n if figure else 0
    if figure is None or n < least:
        return question.unanswered(n, f"{n} films are too few")
    return question.of(figure)


def _assessed(
    question: _Question, figure: Estimate | None, *, n: int, least: int
) -> GateResult:
    if figure is None:
        why = "one level only, or too few studies of each class"
        return question.unanswered(n, why)
    if figure.n < least:
        return question.unanswered(figure.n, f"{figure.n} studies are too few")
    return question.of(figure)
