"""The evaluation report: a page for a statistician and for a radiologist."""

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cxrmlops.files import whole
from cxrmlops.reporting.checklist import checklist
from cxrmlops.reporting.evaluation_plots import (
    FIGURES,
    GROUPS,
    OTHER,
    POINTS,
    Evidence,
    Plain,
)
from cxrmlops.reporting.scope import SCOPE

TEMPLATES = Path(__file__).parent / "templates"


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
            figures=evidence.metrics["figures"],
            source=evidence.metrics["source_study"],
            card=evidence.card,
            lineage=evidence.card["lineage"],
            names=FIGURES | OTHER,
            lost=evidence.metrics["not_evaluable"],
            cohort=evidence.cohort,
            scope=SCOPE,
            checklist=checklist(evidence.metrics, evidence.manifest),
            points=POINTS,
            groups=GROUPS,
            images={name: _inline(svg) for name, svg in plots.items()},
        )
    )
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def environment() -> Environment:
    """Prepare the pages' templates: what is not given is an error, not a blank."""
    prepared = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    prepared.filters["figure"] = write_figure
    return prepared


def write_figure(
    figure: Plain | None, digits: int = 3, factor: float = 1
) -> dict[str, str]:
    """Write value, interval and n for a table cell."""
    if figure is None:
        return {"value": "not assessed", "interval": "", "n": ""}
    # + 0.0: what rounds to nothing has no sign
    numbers = (
        round(figure[k] * factor, digits) + 0.0 for k in ("value", "low", "high")
    )
    value, low, high = (f"{number:.{digits}f}" for number in numbers)
    return {"value": value, "interval": f"{low} to {high}", "n": f"{figure['n']:,}"}


def _inline(svg: str) -> str:
    """Write a plot as the address of an image, so that its ids stay its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
