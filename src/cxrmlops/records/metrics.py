"""What the stage `evaluate` writes of one reading of the test set."""

from typing import ClassVar, Literal

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.record import Part, Record
from cxrmlops.vocabulary.findings import OperatingPoint


class Confusion(Part):
    """How often each answer was right, in studies."""

    asf_found: int
    asf_missed: int
    nsf_right: int
    nsf_false_alarm: int

    @property
    def n(self) -> int:
        """Number of studies."""
        return self.asf_found + self.asf_missed + self.nsf_right + self.nsf_false_alarm


class PrevalenceFigures(Part):
    """One operating point where another share of studies is abnormal."""

    prevalence: float  # share of ASF, 0-1
    ppv: Estimate | None  # precision of ASF; None: no study is flagged
    npv: Estimate | None  # precision of NSF
    flag_rate: Estimate | None  # share of studies answered ASF
    misses_per_1000: Estimate | None  # ASF answered NSF in 1,000 studies


class NotEvaluable(Part):
    """Studies of the test patients that the night would not answer."""

    n: int  # no film could be read
    n_asf: int
    n_nsf: int
    n_unfamiliar: int  # answered here, but unlike what was learnt from
    reasons: dict[str, int]  # reason -> studies


class SourceStudy(Part):
    """The source study's figures, computed the way ours are."""

    figures: dict[str, Estimate]  # by name
    confusion: Confusion
    n_test_studies: int


class SubgroupFigures(Part):
    """One group's figures; None where too few studies belong to it."""

    group: str  # sex, age, view, portable, ..., n_images or finding
    level: str
    n: int  # studies
    n_asf: int
    n_nsf: int
    verdict: Literal["assessed", "not_assessed"]
    auc: Estimate | None
    gap: Estimate | None  # AUC of the group less that of all other studies
    recall_asf: Estimate | None  # at the balanced point
    recall_nsf: Estimate | None

    @property
    def studies(self) -> int:
        """Count a finding type by its own: all normals stand against each."""
        return self.n_asf if self.group == "finding" else self.n

    @property
    def smaller_class(self) -> int:
        """Count the class of which there are fewer: it decides how much is known."""
        return min(self.n_asf, self.n_nsf)


class SubgroupSpread(Part):
    """Largest less smallest AUC among the levels of one group."""

    group: str
    highest: str  # level
    lowest: str
    gap: Estimate | None  # lower limit 0: noise may explain it


class Curve(Part):
    """A line in the unit square, corners only."""

    x: tuple[float, ...]
    y: tuple[float, ...]


class RankingCurves(Part):
    """How one reader ranks, at every threshold."""

    roc: Curve  # recall of ASF over false alarms
    precision_recall: Curve  # precision of ASF over its recall


class Curves(Part):
    """The model's curves, and those of the thumbnail baseline."""

    model: RankingCurves
    thumbnail: RankingCurves


class ReliabilityBin(Part):
    """Studies of like probability, and how many of them were abnormal."""

    predicted: float  # mean probability
    observed: Estimate  # share of ASF


class DecisionCurve(Part):
    """Net benefit (Vickers and Elkin, 2006) in the mix of the test set."""

    threshold: tuple[float, ...]  # probability from which one would act
    model: tuple[float, ...]  # acting on the model
    everyone: tuple[float, ...]  # reading all as ASF; reading none gives 0


class Measurement(Part):
    """What one reading of the test set says about the model."""

    figures: dict[str, Estimate]  # by name; one that could not be computed is left out
    before_calibration: dict[str, Estimate]  # calibration without the temperature
    thumbnail: dict[str, Estimate]  # auc and auprc of the thumbnail baseline
    curves: Curves
    reliability: tuple[ReliabilityBin, ...]  # bins of equal number
    decision: DecisionCurve
    confusion: dict[str, Confusion]  # by operating point
    prevalence: dict[str, tuple[PrevalenceFigures, ...]]  # by operating point
    not_evaluable: NotEvaluable
    source_study: SourceStudy
    subgroups: tuple[SubgroupFigures, ...]
    spreads: tuple[SubgroupSpread, ...]
    n_test_studies: int
    n_test_asf: int  # studies
    n_test_images: int
    n_test_patients: int


class Metrics(Measurement, Record):
    """Figures of test with 95 % intervals, and what was measured."""

    file: ClassVar[str] = "evaluate/figures.json"

    bundle_hash: str  # 64 hex digits
    preprocessing_hash: str
    split_hash: str
    test_hash: str
    operating_points: tuple[OperatingPoint, ...]  # frozen in the bundle
    thresholds_moved: float  # from those that val gives, largest of all points
