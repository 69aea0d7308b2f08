"""What the challenger would have said beside the champion, study by study."""

from typing import ClassVar

from pydantic import FiniteFloat

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.record import Part, Record


class PointAgreement(Part):
    """Answers of both at one operating point, each at its own threshold."""

    point: str  # balanced or high_sensitivity
    both_asf: int
    both_nsf: int
    only_challenger_asf: int
    only_champion_asf: int
    kappa: Estimate | None  # Cohen's; None: one of both gave one answer to all


class ChallengerComparison(Record):
    """All that the page of the challenger shows; no patient is in it."""

    file: ClassVar[str] = "challenger/challenger.json"

    site: str
    champion: str  # bundle hash
    challenger: str  # bundle hash
    since: str  # first answer of the challenger, UTC, ISO 8601; "" none yet
    counts: dict[str, int]  # of the challenger's studies, by state
    n_both: int  # studies that both answered
    n_only_champion: int  # answered by the champion, rejected by the challenger
    n_only_challenger: int  # the other way round
    mean_absolute_difference: FiniteFloat | None  # of probabilities; None: too few
    largest_difference: FiniteFloat | None
    points: tuple[PointAgreement, ...]
    n_reported: int  # of n_both, with a report that commits itself
    n_asf: int
    n_nsf: int
    why: str  # "" assessed by reports; else why not
    auc_champion: Estimate | None  # on the same studies
    auc_challenger: Estimate | None
    auc_difference: Estimate | None  # challenger less champion, paired
    p: FiniteFloat | None  # two-sided, of no difference
    unread_reports: tuple[str, ...]  # why a file that arrived was not read
