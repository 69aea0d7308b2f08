"""The gate's pass rate over the true AUC, as a figure."""

from collections.abc import Mapping

from benchmarks.gate_cohorts import World
from cxrmlops.records.estimate import Estimate
from cxrmlops.reporting.plots import ASF, MODEL, SOFT, drawing, svg_of

COLOURS = {"alike": MODEL, "realistic": ASF}
LEAST, MOST = 0.90, 0.05  # goals: at .96, and at .94


def draw_curve(rates: Mapping[World, Estimate]) -> str:
    """Draw pass rates with their intervals, a line for each kind of cohort."""
    with drawing(6.4, 4.2) as (figure, axes):
        for name, colour in COLOURS.items():
            found = {w.auc: rate for w, rate in rates.items() if w.name == name}
            points = [(auc, found[auc].value) for auc in sorted(found)]
            axes.plot(*zip(*points, strict=True), "o-", color=colour, ms=4, label=name)
            for auc, rate in found.items():
                axes.plot([auc] * 2, [rate.low, rate.high], color=colour, lw=1.2)
        axes.plot([0.96, 0.972], [LEAST] * 2, color=SOFT, lw=1, ls=(0, (4, 2)))
        axes.plot([0.938, 0.94], [MOST] * 2, color=SOFT, lw=1, ls=(0, (4, 2)))
        axes.set(xlabel="True AUC", ylabel="Share that passes", ylim=(-0.02, 1.02))
        axes.grid(axis="y")
        axes.legend(loc="lower right", title="groups read")
        return svg_of(figure)
