"""Records as the stages write them, made up; each argument changes one field."""

from typing import Any

from cxrmlops.records.cohort import CohortSummary, DateWindow, ReportedStudies
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import (
    AnswerChange,
    Examination,
    Inflation,
    MapFigures,
    Probe,
)
from cxrmlops.records.metrics import (
    Confusion,
    Curve,
    Curves,
    DecisionCurve,
    Metrics,
    NotEvaluable,
    RankingCurves,
    SourceStudy,
)
from cxrmlops.records.origin import Origin
from cxrmlops.records.split import SideCounts
from cxrmlops.records.training import Training
from cxrmlops.records.validation import Expectation, Validation
from cxrmlops.records.verdict import GateResult, Verdict
from cxrmlops.records.watch import CalibrationCheck, Expected, Month, Shift, Watch
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint

SIDE = SideCounts(images=1, studies=1, patients=1, abnormal_studies=1)
CURVES = RankingCurves(
    roc=Curve(x=(0.0, 0.1, 1.0), y=(0.0, 0.9, 1.0)),
    precision_recall=Curve(x=(0.5, 1.0), y=(1.0, 0.5)),
)
POINTS = (
    OperatingPoint(BALANCED, 0.4, "equal recalls on val"),
    OperatingPoint(HIGH_SENSITIVITY, 0.1, "recall ASF 0.98 on val"),
)


def estimate(low: float, value: float, high: float, n: int = 2013) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def make_cohort_summary(**changes: Any) -> CohortSummary:
    facts = {
        "name": "north",
        "source": "hospital",
        "label_policy": "codes of the report",
        "window": DateWindow(start="2017-01-01", end="2018-07-01"),
        "looked_at": 12,
        "included": 10,
        "excluded": {"lateral": 2},
        "studies": 10,
        "abnormal_studies": 5,
        "patients": 9,
        "reported_studies": ReportedStudies(looked_at=10, included=10, excluded={}),
        "adjudicated_studies": 0,
        "key_fingerprint": "9" * 16,
        "fingerprint": "8" * 64,
    }
    return CohortSummary(**facts | changes)


def make_validation(**changes: Any) -> Validation:
    facts = {"success": True, "n": 100, "quarantined": 3, "expectations": ()}
    return Validation(**facts | changes)


def make_expectation(**changes: Any) -> Expectation:
    facts = {
        "table": "set",
        "reason": "studies",
        "expectation": "expect_column_max_to_be_between",
        "column": "studies",
        "limits": {"min_value": 100.0},
        "success": True,
        "failed": 0,
        "observed": 120,
    }
    return Expectation(**facts | changes)


def make_training(**changes: Any) -> Training:
    facts = {
        "bundle_hash": "b" * 64,
        "seed": 1,
        "epochs": 2,
        "best_epochs": (1,),
        "val_loss": 0.5,
        "val_auc": 0.9,
        "device": "cpu",
        "precision": "32-true",
        "seconds": 1.5,
        "images_per_second": 20.0,
        "n": dict.fromkeys(("train", "val"), SIDE),
    }
    return Training(**facts | changes)


def make_origin(**changes: Any) -> Origin:
    facts = {
        "git_commit": "c" * 40,
        "git_dirty": "no",
        "code": {"train": "e" * 64},
        "environment": ("# Python 3.11 on Linux", "torch==2.15.0"),
    }
    return Origin(**facts | changes)


def make_metrics(**changes: Any) -> Metrics:
    """Build figures of a model as good as the source study's."""
    counts = Confusion(
        asf_found=914, asf_missed=104, nsf_right=876, nsf_false_alarm=119
    )
    facts = {
        "figures": good_figures(),
        "before_calibration": {"ece": estimate(0, 0.04, 0.06)},
        "thumbnail": {"auc": estimate(0.65, 0.7, 0.75)},
        "curves": Curves(model=CURVES, thumbnail=CURVES),
        "reliability": (),
        "decision": DecisionCurve(threshold=(), model=(), everyone=()),
        "confusion": {BALANCED: counts},
        "prevalence": {},
        "not_evaluable": NotEvaluable(
            n=0, n_asf=0, n_nsf=0, n_unfamiliar=0, reasons={}
        ),
        "source_study": SourceStudy(figures={}, confusion=counts, n_test_studies=2013),
        "subgroups": (),
        "spreads": (),
        "n_test_studies": 2013,
        "n_test_asf": 1018,
        "n_test_images": 2013,
        "n_test_patients": 2013,
        "bundle_hash": "b" * 64,
        "preprocessing_hash": "0" * 64,
        "split_hash": "5" * 64,
        "test_hash": "7" * 64,
        "operating_points": POINTS,
        "thresholds_moved": 0.0,
    }
    return Metrics(**facts | changes)


def good_figures() -> dict[str, Estimate]:
    return {
        "auc": estimate(0.951, 0.96, 0.969),
        "balanced.recall_asf": estimate(0.878, 0.898, 0.915),
        "balanced.recall_nsf": estimate(0.859, 0.880, 0.899),
        "high_sensitivity.recall_asf": estimate(0.97, 0.98, 0.99),
        "ece": estimate(0, 0.02, 0.03),
        "auc_over_thumbnail": estimate(0.15, 0.2, 0.25),
    }


def make_gate(**changes: Any) -> GateResult:
    facts = {
        "name": "test_studies",
        "value": 2013,
        "bound": 500,
        "n": 2013,
        "verdict": "pass",
        "reason": "2013 test studies, at least 500 asked",
    }
    return GateResult(**facts | changes)


def make_verdict(**changes: Any) -> Verdict:
    facts = {
        "outcome": "passed",
        "reasons": (),
        "gates": (make_gate(),),
        "bundle_hash": "b" * 64,
        "split_hash": "5" * 64,
        "test_hash": "7" * 64,
    }
    return Verdict(**facts | changes)


def make_examination(**changes: Any) -> Examination:
    """Build what `examine` finds of an honest model, one of each kind."""
    fair, much = estimate(0.45, 0.5, 0.55, 400), estimate(0.7, 0.8, 0.9, 400)
    probes = (
        Probe(name="manufacturer", kind="acquisition", n=400, auc=fair),
        Probe(name="age", kind="person", n=400, auc=much),
        Probe(
            name="corners",
            kind="outside",
            n=400,
            auc=much,  # the patient's shoulders
            excess=estimate(-0.01, 0.0, 0.01, 400),
        ),
        Probe(name="thumbnail", kind="picture", n=400, auc=much),
    )
    facts = {
        "shortcuts": probes,
        "inflation": (make_inflation(estimate(-0.01, 0.0, 0.01, 400)),),
        "told_apart": (),
        "robustness": (make_change(estimate(-0.02, -0.01, 0.0, 400)),),
        "maps": make_maps(),
        "boxes": (),
        "n_val_studies": 400,
        "n_drawn_studies": 400,
        "n_drawn_images": 400,
        "bundle_hash": "b" * 64,
        "split_hash": "5" * 64,
    }
    return Examination(**facts | changes)


def make_inflation(inflation: Estimate | None, name: str = "manufacturer") -> Inflation:
    return Inflation(name=name, n=400, inflation=inflation)


def make_change(auc_change: Estimate | None) -> AnswerChange:
    return AnswerChange(
        name="corners masked", n=400, median=0.01, p95=0.05, auc_change=auc_change
    )


def make_maps(**changes: Any) -> MapFigures:
    facts = {
        "n_images": 32,
        "grid": (8, 8),
        "redrawn": {"conv1": estimate(-0.1, 0.0, 0.1, n=32)},
        "all_redrawn": estimate(0.1, 0.2, 0.3, n=32),
        "repeated": {"noise": estimate(0.95, 0.97, 0.99, n=32)},
        "road": estimate(0.1, 0.3, 0.5, n=12),
        "corners": estimate(0.4, 0.6, 0.8, n=30),
        "borders": estimate(0.4, 0.6, 0.8, n=30),
    }
    return MapFigures(**facts | changes)


def make_shift(**changes: Any) -> Shift:
    facts = {
        "kind": "picture",
        "feature": "mean",
        "group": "all",
        "nights": 14,
        "n": 300,
        "n_reference": 600,
        "reference": 0.5,
        "now": 0.6,
        "size": 0.3,
        "p": 1e-9,
        "limit": 1e-4,
        "is_alarm": True,
    }
    return Shift(**facts | changes)


def make_month(
    *, month: str = "2026-03", auc: tuple[float, float, float] = (0.95, 0.93, 0.97)
) -> Month:
    """Give a month whose recalls are good; auc is value, low, high."""
    value, low, high = auc
    good = estimate(0.85, 0.9, 0.94, 200)
    table = Confusion(asf_found=90, asf_missed=10, nsf_right=88, nsf_false_alarm=12)
    return Month(
        month=month,
        n_scored=300,
        n_reported=210,
        n_asf=100,
        n_nsf=100,
        n_unlabelled=10,
        why="",
        auc=estimate(low, value, high, 200),
        recall_asf=good,
        recall_nsf=good,
        recall_asf_high_sensitivity=good,
        kappa=good,
        confusion=table,
    )


def make_watch(**changes: Any) -> Watch:
    """Give the watch of a night without alarm."""
    facts = {
        "date": "2026-03-20",
        "site": "Made-up Hospital",
        "model": "cxr-resnet18-64",
        "bundle_hash": "5" * 64,
        "n_night": 40,
        "n_window": 300,
        "nights": 14,
        "n_reference": 600,
        "n_unwatched": 0,
        "n_compared": 1,
        "false_alarms": 0.01,
        "shifts": (make_shift(is_alarm=False),),
        "calibration": CalibrationCheck(
            verdict="holds", reason="made up", n=200, slope=None, intercept=None
        ),
        "expected": Expected(
            why="", n=300, auc=estimate(0.9, 0.94, 0.96, 300), recall_asf=None,
            recall_nsf=None, prevalence=None,
        ),
        "months": (make_month(),),
        "unread_reports": (),
        "alarms": (),
    }  # fmt: skip
    return Watch(**facts | changes)
