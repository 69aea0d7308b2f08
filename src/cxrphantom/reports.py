"""
The structured report table of the made-up hospital: reports.csv.

Columns: `accession_number`, `study_instance_uid`, `patient_id`, `study_date`
(YYYY-MM-DD), `finding_codes` (codes joined by "|", empty when none) and `conclusion`:

* NSF: no significant finding
* ASF: any significant finding
* uncertain: the reader could not decide
* disputed: two readers disagreed
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.system.files import whole
from cxrphantom.findings import Finding
from cxrphantom.headers import Exam

COLUMNS = (
    "accession_number",
    "study_instance_uid",
    "patient_id",
    "study_date",
    "finding_codes",
    "conclusion",
)
SUBTLE = 0.25  # findings below this severity may be called uncertain


def conclude(rng: np.random.Generator, findings: tuple[Finding, ...]) -> str:
    """Return what the radiologist signed."""
    chance = rng.random()
    if chance < 0.015:
        return "disputed"
    subtle = all(finding.severity < SUBTLE for finding in findings)
    if chance < (0.30 if findings and subtle else 0.025):
        return "uncertain"
    return "ASF" if findings else "NSF"


def report_row(
    exam: Exam, findings: tuple[Finding, ...], conclusion: str
) -> dict[str, str]:
    """Write one study's row."""
    return {
        "accession_number": exam.accession,
        "study_instance_uid": str(exam.study_uid),
        "patient_id": exam.person.number,
        "study_date": exam.day.isoformat(),
        "finding_codes": "|".join(sorted(finding.code for finding in findings)),
        "conclusion": conclusion,
    }


def write_table(
    rows: Iterable[dict[str, str]], path: Path, columns: tuple[str, ...]
) -> None:
    """Write rows as CSV, UTF-8, LF, in the order of the rows."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype="string")
    with whole(path) as draft:
        frame.to_csv(draft, index=False, lineterminator="\n")
