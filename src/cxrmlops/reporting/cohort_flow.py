"""The flow diagram of a cohort: who was looked at, who left and why, who stayed."""

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

from cxrmlops.data.cohort import AFTER_HEADERS, BEFORE_HEADERS
from cxrmlops.records.cohort import CohortSummary, ReportedStudies

WIDTH = 860  # of the drawing, pixels
_MARGIN, _MAIN, _SIDE_X, _SIDE = 24, 330, 446, 390
_LINE, _PAD, _GAP = 21, 15, 26

_STYLE = """
text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1d2733 }
.title { font-size: 19px; font-weight: 600 }
.head { font-weight: 600 }
.soft { fill: #5a6775; font-size: 12.5px }
.n { text-anchor: end; font-variant-numeric: tabular-nums }
.main { fill: #eef4fa; stroke: #3b6ea5 }
.out { fill: #fbf6ef; stroke: #c99a5b }
.nsf { fill: #edf6ef; stroke: #4f9160 }
.asf { fill: #faeeee; stroke: #b65c5c }
.line { stroke: #7b8794; stroke-width: 1.5; fill: none }
"""

# Reasons that their code with blanks would misspell.
_SPELT = {
    "not_dicom": "not DICOM",
    "not_cr_dx": "neither CR nor DX",
    "no_patient_id": "no patient ID",
    "no_study_id": "no study ID",
}


def draw_flow(summary: CohortSummary) -> str:
    """Draw the summary of a cohort as SVG text.

    The column on the left holds what is still in, each box on the right what left
    before the next question, with its reasons in the order in which they were asked.
    """
    drawing = _Drawing()
    drawing.text(_MARGIN, 34, f"Cohort: {summary.name}", "title")
    drawing.text(_MARGIN, 56, _window(summary) + _settled(summary), "soft")
    drawing.y = 74
    left = summary.looked_at
    drawing.box("Film files looked at", left)
    for head, reasons in _steps(summary.excluded):
        drawing.exclude(reasons)
        left -= sum(reasons.values())
        drawing.box(head, left)
    drawing.answers(summary)
    drawing.reports(summary.reported_studies)
    return drawing.svg()


def _settled(summary: CohortSummary) -> str:
    n = summary.adjudicated_studies
    return f"; {n:,} labels settled by readers" if n else ""


class _Drawing:
    """Pieces of SVG, and how far down the page they reach."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 0

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        self.parts.append(f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>')

    def rect(self, x: int, y: int, width: int, height: int, kind: str) -> None:
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" '
            f'class="{kind}"/>'
        )

    def line(self, path: str) -> None:
        self.parts.append(f'<path d="{path}" class="line" marker-end="url(#tip)"/>')

    def box(self, head: str, n: int) -> None:
        """Draw a box of the main column, 48 pixels high."""
        self.rect(_MARGIN, self.y, _MAIN, 48, "main")
        self.text(_MARGIN + _PAD, self.y + 29, head, "head")
        self.text(_MARGIN + _MAIN - _PAD, self.y + 29, f"{n:,}", "head n")
        self.y += 48

    def rows(self, x: int, y: int, width: int, rows: Iterable[tuple[str, int]]) -> None:
        for at, (name, n) in enumerate(rows):
            self.text(x + _PAD, y + at * _LINE, name)
            self.text(x + width - _PAD, y + at * _LINE, f"{n:,}", "n")

    def exclude(self, reasons: Mapping[str, int]) -> None:
        """Draw what leaves here, beside the way down to the next box."""
        middle = _MARGIN + _MAIN // 2
        if not reasons:
            self.line(f"M{middle} {self.y}V{self.y + _GAP - 2}")
            self.y += _GAP
            return
        height = 2 * _PAD + _LINE * (1 + len(reasons))
        top, bottom = self.y + _GAP // 2, self.y + height + _GAP
        self.line(f"M{middle} {self.y}V{bottom - 2}")
        self.line(f"M{middle} {top + height // 2}H{_SIDE_X - 2}")
        self.rect(_SIDE_X, top, _SIDE, height, "out")
        self.text(_SIDE_X + _PAD, top + _PAD + 13, "Excluded", "head")
        n = f"{sum(reasons.values()):,}"
        self.text(_SIDE_X + _SIDE - _PAD, top + _PAD + 13, n, "head n")
        self.rows(_SIDE_X, top + _PAD + 13 + _LINE, _SIDE, _words(reasons))
        self.y = bottom

    def answers(self, summary: CohortSummary) -> None:
        """Draw the cohort's two classes, in studies."""
        middle, y = _MARGIN + _MAIN // 2, self.y
        text = f"{summary.studies:,} studies of {summary.patients:,} patients"
        self.text(_SIDE_X, y - 19, text, "head")
        self.line(f"M{middle} {y}V{y + _GAP - 2}")
        half = (_MAIN - 14) // 2
        abnormal = summary.abnormal_studies
        for x, kind, name, n in (
            (_MARGIN, "nsf", "NSF", summary.studies - abnormal),
            (_MARGIN + half + 14, "asf", "ASF", abnormal),
        ):
            self.rect(x, y + _GAP, half, 48, kind)
            self.text(x + _PAD, y + _GAP + 29, name, "head")
            self.text(x + half - _PAD, y + _GAP + 29, f"{n:,}", "head n")
        meaning = "studies: no significant finding, any significant finding"
        self.text(_SIDE_X, y + _GAP + 29, meaning, "soft")
        self.y += _GAP + 48

    def reports(self, studies: ReportedStudies) -> None:
        """Draw the same from the side of the reports."""
        rows = [*_words(studies.excluded), ("in the cohort", studies.included)]
        height = 2 * _PAD + _LINE * (1 + len(rows))
        width, top = _SIDE_X + _SIDE - _MARGIN, self.y + 34
        self.rect(_MARGIN, top, width, height, "out")
        y = top + _PAD + 13
        self.text(
            _MARGIN + _PAD, y, "Studies with a report, and what became of them", "head"
        )
        self.text(_MARGIN + width - _PAD, y, f"{studies.looked_at:,}", "head n")
        self.rows(_MARGIN, y + _LINE, width, rows)
        self.y = top + height

    def svg(self) -> str:
        height = self.y + _MARGIN
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" '
            'aria-label="Flow diagram of the cohort">\n'
            f"<style>{_STYLE}</style>\n"
            '<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="7" refY="4" '
            'orient="auto"><path d="M0 0L9 4L0 8z" fill="#7b8794"/></marker></defs>\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
        )


def _steps(excluded: Mapping[str, int]) -> Sequence[tuple[str, dict[str, int]]]:
    """Group the reasons by the question they answer; no loss, no step."""
    before = {k: n for k, n in excluded.items() if k in BEFORE_HEADERS}
    after = {k: n for k, n in excluded.items() if k in AFTER_HEADERS}
    headers = {k: n for k, n in excluded.items() if k not in before | after}
    contested = {"uncertain_label", "disputed_label"}
    labels = {k: n for k, n in after.items() if k in contested}
    after = {k: n for k, n in after.items() if k not in contested}
    steps = (
        ("Films asked for", before),
        ("Frontal chest films of adults", headers),
        ("Films that have a report", after),
        ("Films in the cohort", labels),
    )
    return [
        (head, reasons)
        for head, reasons in steps
        if reasons or head == "Films in the cohort"
    ]


def _words(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return [
        (_SPELT.get(code, code.replace("_", " ")), n) for code, n in reasons.items()
    ]


def _window(summary: CohortSummary) -> str:
    window = summary.window
    if window is None:
        return f"{summary.source}: the source has no study dates, no date window"
    return f"{summary.source}: studies of {window.start} to {window.end}"
