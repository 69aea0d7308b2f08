"""The evaluation report: a page for a statistician and for a radiologist."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment

from cxrmlops.records.estimate import Estimate
from cxrmlops.reporting import pages
from cxrmlops.reporting.checklist import checklist
from cxrmlops.reporting.evaluation_plots import (
    FIGURES,
    GROUPS,
    OTHER,
    POINTS,
    Evidence,
)
from cxrmlops.reporting.scope import SCOPE
from cxrmlops.system.files import write_text


def write_report(path: Path, evidence: Evidence, plots: Mapping[str, str]) -> None:
    """Write one HTML file that needs no other file, no network and no script.

    Args:
        path: of the page.
        evidence: what was measured.
        plots: name -> SVG text; those of `draw_plots`, and the cohort's `flow`.
    """
    text = (
        environment()
        .get_template("evaluation.html")
        .render(
            evidence=evidence,
            metrics=evidence.metrics,
            figures=evidence.metrics.figures,
            source=evidence.metrics.source_study,
            card=evidence.card,
            lineage=evidence.card.lineage,
            names=FIGURES | OTHER,
            lost=evidence.metrics.not_evaluable,
            cohort=evidence.cohort,
            scope=SCOPE,
            checklist=checklist(evidence.metrics, evidence.manifest),
            points=POINTS,
            groups=GROUPS,
            images={name: pages.inline(svg) for name, svg in plots.items()},
        )
    )
    write_text(path, text)


def environment() -> Environment:
    """Prepare the templates of pages that show figures."""
    prepared = pages.environment()
    prepared.filters["figure"] = write_figure
    return prepared


def write_figure(
    figure: Estimate | None, digits: int = 3, factor: float = 1
) -> dict[str, str]:
    """Write value, interval and n for a table cell."""
    if figure is None:
        return {"value": "not assessed", "interval": "", "n": ""}
    # + 0.0: what rounds to nothing has no sign
    numbers = (round(number * factor, digits) + 0.0 for number in figure.limits)
    value, low, high = (f"{number:.{digits}f}" for number in numbers)
    return {"value": value, "interval": f"{low} to {high}", "n": f"{figure.n:,}"}
