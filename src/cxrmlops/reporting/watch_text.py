"""The watch in a few lines of Markdown, as Prefect shows it."""

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.watch import Watch

SHOWN = 10  # comparisons


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
        "| what | where | days | n | reference | now | distance | p |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {s.feature}{' **alarm**' if s.is_alarm else ''} | {s.group} "
            f"| {s.nights} | {s.n} | {s.reference:.3g} | {s.now:.3g} "
            f"| {s.size:.3f} | {s.p:.1e} |"
            for s in watch.shifts[:SHOWN]
        ),
        "",
        f"Calibration {watch.calibration.verdict.replace('_', ' ')}: "
        f"{watch.calibration.reason} (n = {watch.calibration.n}).",
        "",
        "Expected AUC without labels: "
        f"{_figure(watch.expected.auc, watch.expected.why)}",
        "",
        "| month | scored | with report | AUC | recall ASF | recall NSF | kappa |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {m.month} | {m.n_scored} | {m.n_reported} | {_figure(m.auc, m.why)} | "
            f"{_figure(m.recall_asf)} | {_figure(m.recall_nsf)} | {_figure(m.kappa)} |"
            for m in watch.months
        ),
    ]
    return "\n".join(lines) + "\n"


def _told(watch: Watch) -> str:
    n = len(watch.alarms)
    return f"{n} alarm{'s' * (n > 1)}" if n else "no alarm"


def _figure(found: Estimate | None, why: str = "") -> str:
    if found is None:
        return f"not assessed{f': {why}' if why else ''}"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}), n = {found.n}"
