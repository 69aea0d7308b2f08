"""
Plots of one reading of the test set, as SVG text.

No clock, no random names: the same numbers give the same bytes. ASF is always orange,
NSF always blue, and a figure's interval is always drawn with it.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]  # x, y
Limits = tuple[float, float, float]  # value, low, high
Style = dict[str, Any]  # of a line or a text, by matplotlib's names

INK, SOFT, FAINT = "#1c2733", "#6b7785", "#dde3ea"
ASF, NSF, MODEL, OTHER = "#c4622d", "#2f6d9e", "#14324f", "#9aa5b1"
STYLE = {
    "svg.hashsalt": "cxrmlops",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@dataclass(frozen=True)
class Marker:
    """An operating point with the limits of both its coordinates."""

    name: str
    x: Limits
    y: Limits
    shape: str = "o"
    colour: str = MODEL


def roc_plot(curves: Mapping[str, Pair], markers: Sequence[Marker]) -> str:
    """Draw recall of ASF against false alarms; the first curve is the model's."""
    with drawing(5.4, 5.0) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=OTHER, lw=0.8, ls=(0, (2, 3)))
        _curves(axes, curves)
        for marker in markers:
            _mark(axes, marker)
        _square(axes, "False alarms: 1 - recall NSF", "Recall ASF")
        axes.legend(loc="lower right", borderaxespad=1)
        return svg_of(figure)


def pr_plot(
    curves: Mapping[str, Pair], markers: Sequence[Marker], *, baseline: float
) -> str:
    """Draw precision against recall of ASF, and the share of ASF as chance."""
    with drawing(5.4, 5.0) as (figure, axes):
        axes.axhline(baseline, color=OTHER, lw=0.8, ls=(0, (2, 3)))
        axes.text(0.01, baseline + 0.012, "share of ASF", color=SOFT, fontsize=8)
        _curves(axes, curves)
        for marker in markers:
            _mark(axes, marker)
        _square(axes, "Recall ASF", "Precision ASF")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.06), borderaxespad=1)
        return svg_of(figure)


def reliability_plot(bins: Sequence[tuple[float, Limits, int]]) -> str:
    """Draw observed against predicted shares of ASF: (predicted, observed, n)."""
    with drawing(5.4, 5.0) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=OTHER, lw=0.8, ls=(0, (2, 3)))
        x = np.array([each[0] for each in bins])
        y = np.array([each[1][0] for each in bins])
        low = y - np.array([each[1][1] for each in bins])
        high = np.array([each[1][2] for each in bins]) - y
        look: Style = {"fmt": "o-", "color": MODEL, "ms": 5, "lw": 1.1, "capsize": 2.5}
        axes.errorbar(x, y, [low, high], **look)
        sizes = sorted({each[2] for each in bins})
        span = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        said = f"{span} studies a bin"
        axes.text(0.98, 0.04, said, color=SOFT, fontsize=8.5, ha="right")
        _square(axes, "Predicted probability of ASF", "Observed share of ASF")
        return svg_of(figure)


def score_plot(
    nsf: Floats, asf: Floats, thresholds: Mapping[str, float], *, bins: int = 50
) -> str:
    """Draw how often each probability was given to NSF (up) and to ASF (down)."""
    with drawing(7.4, 3.9) as (figure, axes):
        counts = [np.histogram(each, bins, (0, 1))[0] for each in (nsf, asf)]
        start = np.arange(bins) / bins
        bar: Style = {"width": 1 / bins, "align": "edge", "ec": "white", "lw": 0.4}
        for count, sign, colour in ((counts[0], 1, NSF), (counts[1], -1, ASF)):
            axes.bar(start, sign * count, color=colour, **bar)
        axes.axhline(0, color=SOFT, lw=0.8)
        top = 1.12 * max(1, *(int(count.max()) for count in counts))
        axes.set_ylim(-top, top)
        for k, (name, at) in enumerate(sorted(thresholds.items(), key=lambda t: t[1])):
            axes.axvline(at, color=INK, lw=1, ls=(0, (4, 2)))
            y = top * (0.97 - 0.11 * k)
            axes.text(at + 0.006, y, f"{name} {at:.3f}", fontsize=8.5, va="top")
        look: Style = {"weight": "bold", "ha": "right", "transform": axes.transAxes}
        axes.text(0.99, 0.93, "NSF", color=NSF, **look)
        axes.text(0.99, 0.05, "ASF", color=ASF, **look)
        axes.set(xlim=(0, 1), xlabel="Calibrated probability of ASF", ylabel="Studies")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
        axes.grid(axis="y")
        return svg_of(figure)


def confusion_plot(tables: Mapping[str, tuple[int, int, int, int]]) -> str:
    """Draw tables of studies: (ASF found, ASF missed, NSF right, NSF false alarm)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.75 * len(tables), 2.7), layout="constrained")
        FigureCanvasSVG(figure)
        panels = figure.subplots(1, len(tables), squeeze=False)[0]
        for panel, (name, table) in zip(panels, tables.items(), strict=True):
            _confusion(panel, name, table)
        return svg_of(figure)


def training_plot(
    epoch: Floats, losses: Mapping[str, Floats], val_auc: Floats, *, best: Sequence[int]
) -> str:
    """Draw the losses and the AUC on val, and the epoch kept of each network."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        left, right = figure.subplots(1, 2)
        for (name, loss), colour in zip(losses.items(), (OTHER, MODEL), strict=True):
            left.plot(epoch, loss, color=colour, lw=1.6, label=name)
        right.plot(epoch, val_auc, color=MODEL, lw=1.6)
        for axes, label in ((left, "Loss, nats"), (right, "AUC on val")):
            for kept in best:
                axes.axvline(kept, color=ASF, lw=1, ls=(0, (4, 2)))
            axes.set(xlabel="Epoch", ylabel=label)
            axes.grid()
            axes.xaxis.get_major_locator().set_params(integer=True)
        left.legend()
        at, low = best[-1], right.get_ylim()[0]
        side = "right" if at > epoch.mean() else "left"
        look: Style = {"color": ASF, "fontsize": 8.5, "va": "bottom", "ha": side}
        right.text(at, low, f" kept: {', '.join(map(str, best))} ", **look)
        return svg_of(figure)


def decision_plot(threshold: Floats, curves: Mapping[str, Floats]) -> str:
    """Draw the net benefit of acting on the model, on every study, and on none."""
    with drawing(7.4, 3.4) as (figure, axes):
        for (name, benefit), colour in zip(
            curves.items(), (MODEL, OTHER), strict=False
        ):
            axes.plot(threshold, benefit, color=colour, lw=1.6, label=name)
        axes.axhline(0, color=SOFT, lw=0.8, label="read none as ASF")
        top = max(float(np.max(curve)) for curve in curves.values())
        axes.set(xlim=(0, 1), ylim=(-0.15 * top, 1.1 * top))
        axes.set(xlabel="Probability from which one would act", ylabel="Net benefit")
        axes.grid()
        axes.legend()
        return svg_of(figure)


def _confusion(axes: Axes, name: str, table: tuple[int, int, int, int]) -> None:
    found, missed, right, alarm = table
    cells = [
        (0, 1, found, ASF, "bold"),
        (1, 1, missed, ASF, "normal"),
        (0, 0, alarm, NSF, "normal"),
        (1, 0, right, NSF, "bold"),
    ]
    for x, y, count, colour, weight in cells:
        of = found + missed if y else right + alarm
        share = count / of if of else 0.0
        axes.add_patch(
            Rectangle((x, y), 1, 1, color=colour, alpha=0.06 + 0.8 * share, lw=0)
        )
        ink = "white" if share > 0.7 else INK
        look: Style = {"ha": "center", "va": "center", "color": ink}
        axes.text(x + 0.5, y + 0.56, f"{count:,}", fontsize=13, weight=weight, **look)
        axes.text(x + 0.5, y + 0.27, f"{share:.1%} of {of:,}", fontsize=8, **look)
    axes.set(xlim=(0, 2), ylim=(0, 2), title=name, aspect="equal")
    axes.set_xticks([0.5, 1.5], ["said ASF", "said NSF"])
    axes.set_yticks([0.5, 1.5], ["NSF", "ASF"])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curves(axes: Axes, curves: Mapping[str, Pair]) -> None:
    for k, (name, (x, y)) in enumerate(curves.items()):
        axes.plot(x, y, color=OTHER if k else MODEL, lw=1.4 if k else 2.0, label=name)


def _mark(axes: Axes, marker: Marker) -> None:
    (x, left, right), (y, low, high) = marker.x, marker.y
    look: Style = {
        "ms": 6.5,
        "mec": "white",
        "mew": 0.9,
        "elinewidth": 1.1,
        "zorder": 5,
    }
    axes.errorbar(
        [x],
        [y],
        [[y - low], [high - y]],
        [[x - left], [right - x]],
        fmt=marker.shape,
        color=marker.colour,
        label=marker.name,
        **look,
    )


def _square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    axes.grid()


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Return an empty drawing, width x height inches, in our style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def svg_of(figure: Figure) -> str:
    """Write a drawing as SVG text that depends on the drawing alone."""
    file = io.StringIO()
    plain = {"Date": None, "Creator": None}  # else a clock and a version stand in it
    figure.savefig(file, format="svg", metadata=plain)
    return file.getvalue()
