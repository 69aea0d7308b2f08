"""Plots of many intervals under each other, as SVG text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrmlops.reporting.plots import (
    ASF,
    MODEL,
    SOFT,
    Limits,
    Style,
    drawing,
    svg_of,
)

_ASIDE: Style = {"color": SOFT, "fontsize": 8, "va": "center", "ha": "right"}


@dataclass(frozen=True)
class Row:
    """One line; without limits it is a heading, or not assessed."""

    name: str
    limits: Limits | None  # value, low, high
    beside: Limits | None = None  # what it is compared with
    heading: bool = False


def beside_plot(rows: Sequence[Row], *, ours: str, theirs: str) -> str:
    """Draw each of our figures with its interval, and the other study's under it."""
    with drawing(7.4, 0.9 + 0.34 * len(rows)) as (figure, axes):
        place = np.arange(len(rows))[::-1].astype(float)
        for y, row in zip(place, rows, strict=True):
            pairs = ((0.14, row.limits, MODEL, "o"), (-0.14, row.beside, ASF, "D"))
            for step, limits, colour, shape in pairs:
                if limits is not None:
                    value, low, high = limits
                    axes.plot([low, high], [y + step] * 2, color=colour, lw=1.5)
                    axes.plot([value], [y + step], shape, color=colour, ms=4.5)
        axes.plot([], [], "o-", color=MODEL, ms=4.5, label=ours)
        axes.plot([], [], "D-", color=ASF, ms=4.5, label=theirs)
        axes.set_yticks(place, [row.name for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        lows = [limits[1] for r in rows for limits in (r.limits, r.beside) if limits]
        axes.set(xlim=(max(0.0, min(lows) - 0.02), 1.005), ylim=(-0.6, len(rows) - 0.4))
        axes.grid(axis="x")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return svg_of(figure)


def forest_plot(rows: Sequence[Row], *, overall: float, label: str) -> str:
    """Draw one figure with its interval for every group, against the overall value."""
    with drawing(7.4, 0.6 + 0.22 * len(rows)) as (figure, axes):
        place = np.arange(len(rows))[::-1].astype(float)
        axes.axvline(overall, color=ASF, lw=1, ls=(0, (4, 2)))
        for y, row in zip(place, rows, strict=True):
            if row.limits is not None:
                value, low, high = row.limits
                axes.plot([low, high], [y, y], color=MODEL, lw=1.5)
                axes.plot([value], [y], "o", color=MODEL, ms=4.5)
            elif not row.heading:
                axes.text(overall, y, "not assessed  ", **_ASIDE)
        axes.set_yticks(place, [row.name for row in rows])
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_fontweight("bold" if row.heading else "normal")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        lows = [row.limits[1] for row in rows if row.limits] + [overall - 0.1]
        axes.set(xlim=(min(lows) - 0.01, 1.005), ylim=(-0.7, len(rows) - 0.3))
        axes.set_xlabel(label)
        axes.grid(axis="x")
        return svg_of(figure)
