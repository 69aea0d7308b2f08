"""What the watch found: drift, performance without labels and with them, alarms."""

from typing import ClassVar, Literal

from pydantic import FiniteFloat

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import Confusion
from cxrmlops.records.record import Part, Record


class Shift(Part):
    """One comparison of a window of nights with its reference."""

    kind: str  # vocabulary.watched.Watched
    feature: str  # column, or column = level
    group: str  # all, or column = level
    nights: int  # days of the window
    n: int  # studies in the window
    n_reference: int
    reference: FiniteFloat  # median, or share
    now: FiniteFloat
    size: FiniteFloat  # distance of the distributions, or of the shares; 0-1
    p: FiniteFloat  # two-sided, of this comparison alone
    limit: FiniteFloat  # of p, for this comparison alone
    is_alarm: bool  # p at or below the limit, and size large enough


class Alarm(Part):
    """What somebody has to look at, and where it stands what to do."""

    kind: str  # Watched, performance, calibration or reports
    said: str  # one sentence, no patient
    since: str  # night of the first of this row of alarms, YYYY-MM-DD
    runbook: str  # heading of docs/how-to/watch.md


class Month(Part):
    """Answers of one month beside the reports that have arrived since."""

    month: str  # YYYY-MM of the answer
    n_scored: int  # studies with an answer
    n_reported: int  # of them, with a report
    n_asf: int
    n_nsf: int
    n_unlabelled: int  # reports that conclude uncertain or disputed
    why: str  # "" assessed; else why not
    auc: Estimate | None
    recall_asf: Estimate | None  # balanced point
    recall_nsf: Estimate | None
    recall_asf_high_sensitivity: Estimate | None
    kappa: Estimate | None  # Cohen's, of answer and report at the balanced point
    confusion: Confusion  # balanced point


class CalibrationCheck(Part):
    """Whether probabilities still mean what they say, by the reports that came."""

    verdict: Literal["holds", "refused", "not_assessed"]
    reason: str
    n: int  # studies with a label
    slope: Estimate | None  # 1 is right
    intercept: Estimate | None  # 0 is right, logits


class Expected(Part):
    """What performance the probabilities themselves lead one to expect."""

    why: str  # "" estimated; else why not
    n: int  # studies in the long window
    auc: Estimate | None
    recall_asf: Estimate | None  # balanced point
    recall_nsf: Estimate | None
    prevalence: Estimate | None  # share of ASF


class Watch(Record):
    """All that the page of one night shows, and what MLflow gets."""

    file: ClassVar[str] = "watch/watch.json"

    date: str  # night, YYYY-MM-DD at the site
    site: str
    model: str
    bundle_hash: str
    n_night: int  # studies of the night
    n_window: int  # of the long window
    nights: int  # days of the long window
    n_reference: int  # studies of val; 0: the bundle holds none
    n_unwatched: int  # of the window, answered by a version that kept nothing
    n_compared: int  # comparisons that share `false_alarms`
    false_alarms: float  # share of undrifted nights, at most
    shifts: tuple[Shift, ...]  # smallest p first
    calibration: CalibrationCheck
    expected: Expected
    months: tuple[Month, ...]  # newest first
    unread_reports: tuple[str, ...]  # why a file that arrived was not read
    alarms: tuple[Alarm, ...]
