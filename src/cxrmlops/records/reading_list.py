"""The rows of the night's reading list, from which chunks are joined."""

from typing import ClassVar

from cxrmlops.records.record import Part, Record


class Entry(Part):
    """One study of the list."""

    study_instance_uid: str  # orders and draws; not on the page
    accession_number: str
    study_date: str  # YYYYMMDD or ""
    probability: float | None  # of ASF; None: not evaluable
    answer: str  # NSF, ASF or ""
    reasons: tuple[str, ...]  # of the films that were not scored
    pictures: tuple[tuple[str, str], ...]  # film and map ("" none), below the folder
    in_scope: bool  # False: not a frontal chest film of an adult, so not our business
    waiting_since: str = ""  # ISO 8601; "" just arrived


class Night(Record):
    """All that the page of the reading list shows."""

    file: ClassVar[str] = "report/reading_list.json"

    site: str
    language: str
    model: str
    bundle: str  # hash, shortened
    thresholds: tuple[tuple[str, float], ...]  # operating point, 0-1
    analysed_at: str  # ISO 8601 with offset
    comparable: bool  # maps are in logits, one scale for all cases
    files: int  # that came in
    rejected: tuple[tuple[str, int], ...]  # reason, files
    max_wait_hours: float
    audit_fraction: float
    entries: tuple[Entry, ...]
    rollout: str = ""  # stage of the site, see vocabulary.rollout; "" not a night's
    viewer_url: str = ""  # of a study, with {StudyInstanceUID}; "" no links
