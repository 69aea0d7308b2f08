"""The flow diagram of a cohort: who was looked at, who left and why, who stayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxrmlops.data.cohort import AFTER_HEADERS, BEFORE_HEADERS
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.reporting.pages import environment

# Reasons that their code with blanks would misspell.
_SPELT = {
    "not_dicom": "not DICOM",
    "not_cr_dx": "neither CR nor DX",
    "no_patient_id": "no patient ID",
    "no_study_id": "no study ID",
}
_IN = "Films in the cohort"


@dataclass(frozen=True)
class _Step:
    """A box of the main column, and what left before it."""

    head: str
    reasons: Sequence[tuple[str, int]]
    left: int


def draw_flow(summary: CohortSummary) -> str:
    """Draw the summary of a cohort as SVG text.

    The column on the left holds what is still in, each box on the right what left
    before the next question, with its reasons in the order in which they were asked.
    """
    studies = summary.reported_studies
    drawn = (
        environment()
        .get_template("cohort_flow.svg")
        .render(
            summary=summary,
            about=_window(summary) + _settled(summary),
            steps=_steps(summary),
            reported=[*_words(studies.excluded), ("in the cohort", studies.included)],
        )
    )
    return drawn + "\n"


def _steps(summary: CohortSummary) -> list[_Step]:
    """Group the reasons by the question they answer; no loss, no step."""
    contested = {"uncertain_label", "disputed_label"}
    questions: dict[str, dict[str, int]] = {
        "Films asked for": {},
        "Frontal chest films of adults": {},
        "Films that have a report": {},
        _IN: {},
    }
    before, headers, reports, labels = questions.values()
    for code, n in summary.excluded.items():
        if code in contested:
            labels[code] = n
        elif code in AFTER_HEADERS:
            reports[code] = n
        else:
            (before if code in BEFORE_HEADERS else headers)[code] = n
    steps, left = [], summary.looked_at
    for head, reasons in questions.items():
        left -= sum(reasons.values())
        if reasons or head == _IN:
            steps.append(_Step(head, _words(reasons), left))
    return steps


def _words(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return [
        (_SPELT.get(code, code.replace("_", " ")), n) for code, n in reasons.items()
    ]


def _window(summary: CohortSummary) -> str:
    window = summary.window
    if window is None:
        return f"{summary.source}: the source has no study dates, no date window"
    return f"{summary.source}: studies of {window.start} to {window.end}"


def _settled(summary: CohortSummary) -> str:
    n = summary.adjudicated_studies
    return f"; {n:,} labels settled by readers" if n else ""
