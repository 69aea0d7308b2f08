"""The few figures that `dvc metrics show` and `dvc exp show` put side by side."""

from typing import ClassVar, Literal, Self

from cxrmlops.records.metrics import Metrics
from cxrmlops.records.record import Record
from cxrmlops.records.verdict import Verdict
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY


class Headline(Record):
    """Whether a model is better than another at a glance; all else: figures.json.

    None stands where a figure could not be computed.
    """

    file: ClassVar[str] = "gate/metrics.json"

    auc: float | None
    auc_low: float | None  # 95 % interval
    auc_high: float | None
    recall_asf: float | None  # balanced point
    recall_nsf: float | None
    recall_asf_high_sensitivity: float | None  # rule-out point
    recall_nsf_high_sensitivity: float | None
    ece: float | None  # calibration error
    gate: Literal["passed", "refused", "not assessed"]
    gates_failed: int
    gates_not_assessed: int
    n_test_studies: int

    @classmethod
    def of(cls, metrics: Metrics, verdict: Verdict) -> Self:
        """Take the headline from all figures and the verdict."""
        auc = metrics.figures.get("auc")
        return cls(
            auc=_rounded(auc.value if auc else None),
            auc_low=_rounded(auc.low if auc else None),
            auc_high=_rounded(auc.high if auc else None),
            recall_asf=_value(metrics, f"{BALANCED}.recall_asf"),
            recall_nsf=_value(metrics, f"{BALANCED}.recall_nsf"),
            recall_asf_high_sensitivity=_value(
                metrics, f"{HIGH_SENSITIVITY}.recall_asf"
            ),
            recall_nsf_high_sensitivity=_value(
                metrics, f"{HIGH_SENSITIVITY}.recall_nsf"
            ),
            ece=_value(metrics, "ece"),
            gate=verdict.outcome,
            gates_failed=verdict.count("fail"),
            gates_not_assessed=verdict.count("not_assessed"),
            n_test_studies=metrics.n_test_studies,
        )


def _value(metrics: Metrics, name: str) -> float | None:
    figure = metrics.figures.get(name)
    return _rounded(figure.value if figure else None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)  # as people read it
