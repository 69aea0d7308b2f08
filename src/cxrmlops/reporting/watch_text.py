"""The watch in a few lines of Markdown, as Prefect shows it."""

from cxrmlops.records.estimate import Estimate, in_words
from cxrmlops.records.watch import Month, Shift, Watch
from cxrmlops.reporting.markdown_table import table

SHOWN = 10  # comparisons
SHIFT = ("what", "where", "days", "n", "reference", "now", "distance", "p")
MONTH = ("month", "scored", "with report", "AUC", "recall ASF", "recall NSF", "kappa")


def watch_text(watch: Watch) -> str:
    """Write alarms, the largest changes, expected and realised performance."""
    lines = [
        f"# Night {watch.date}: {_told(watch)}",
        "",
        f"{watch.n_night} studies in the night, {watch.n_window} in {watch.nights} "
        f"days; {watch.n_compared} comparisons with {watch.n_reference} studies of "
        "val.",
        "",
        *(
            f"* **{one.said}**, since {one.since}: docs/how-to/watch.md, {one.runbook}"
            for one in watch.alarms
        ),
        "",
        *table(SHIFT, map(_shift, watch.shifts[:SHOWN])),
        "",
        f"Calibration {watch.calibration.verdict.replace('_', ' ')}: "
        f"{watch.calibration.reason} (n = {watch.calibration.n}).",
        "",
        "Expected AUC without labels: "
        f"{_figure(watch.expected.auc, watch.expected.why)}",
        "",
        *table(MONTH, map(_month, watch.months)),
    ]
    return "\n".join(lines) + "\n"


def _shift(one: Shift) -> tuple[object, ...]:
    feature = f"{one.feature}{' **alarm**' if one.is_alarm else ''}"
    values = (f"{one.reference:.3g}", f"{one.now:.3g}", f"{one.size:.3f}")
    return feature, one.group, one.nights, one.n, *values, f"{one.p:.1e}"


def _month(one: Month) -> tuple[object, ...]:
    figures = map(_figure, (one.recall_asf, one.recall_nsf, one.kappa))
    counts = (one.month, one.n_scored, one.n_reported)
    return *counts, _figure(one.auc, one.why), *figures


def _told(watch: Watch) -> str:
    n = len(watch.alarms)
    return f"{n} alarm{'s' * (n > 1)}" if n else "no alarm"


def _figure(found: Estimate | None, why: str = "") -> str:
    return in_words(found) if found or not why else f"not assessed: {why}"
