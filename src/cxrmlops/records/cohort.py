"""What the stage `cohort` writes beside its tables."""

from typing import ClassVar

from cxrmlops.records.record import Part, Record


class DateWindow(Part):
    """Study dates that were asked for."""

    start: str  # ISO 8601, first day
    end: str  # ISO 8601, last day


class ReportedStudies(Part):
    """What became of the studies that have a report."""

    looked_at: int
    included: int
    excluded: dict[str, int]  # reason -> studies


class CohortSummary(Record):
    """Who is in, why others are not, and what the cohort was made from."""

    file: ClassVar[str] = "cohort/exclusions.json"

    name: str  # of the site, or of the public set
    source: str  # as in site.yaml
    label_policy: str  # version of the rules from report to label
    window: DateWindow | None  # None: the source gives no study dates
    looked_at: int  # film files
    included: int  # films
    excluded: dict[str, int]  # reason -> films
    studies: int
    abnormal_studies: int  # ASF
    patients: int
    reported_studies: ReportedStudies
    adjudicated_studies: int  # labels settled by readers
    key_fingerprint: str  # of the key of the pseudonyms
    fingerprint: str  # of films, reports, settings, key and code
