"""The page of one night's watch: alarms first, then what they come from."""

from collections.abc import Sequence
from pathlib import Path

from cxrmlops.records.estimate import Estimate, in_words
from cxrmlops.records.watch import Month, Shift, Watch
from cxrmlops.reporting.interval_plots import Row, forest_plot
from cxrmlops.reporting.pages import environment, inline
from cxrmlops.system.files import write_text

SHOWN = 12  # comparisons of each kind; the rest are counted
KINDS = {
    "headers": "Headers: how images were made, and of whom",
    "picture": "Picture: grey values",
    "embedding": "Embedding: what the network finds",
    "scores": "Scores: what it says",
    "rejects": "Rejects: against the model's first nights",
}


def write_watch_page(path: Path, watch: Watch) -> None:
    """Write one HTML file that needs no other file, no network and no script."""
    prepared = environment()
    prepared.filters["interval"] = in_words
    by_kind = {
        title: [one for one in watch.shifts if one.kind == kind]
        for kind, title in KINDS.items()
    }
    text = prepared.get_template("watch.html").render(
        watch=watch,
        kinds={title: (rows, _shown(rows)) for title, rows in by_kind.items()},
        realised=inline(_realised(watch.months)) if _any(watch.months) else "",
    )
    write_text(path, text)


def _shown(rows: Sequence[Shift]) -> list[Shift]:
    """Show every alarm, and of the others those of the smallest p."""
    alarms = [one for one in rows if one.is_alarm]
    others = [one for one in rows if not one.is_alarm]
    return alarms + others[: max(SHOWN - len(alarms), 3)]


def _any(months: Sequence[Month]) -> bool:
    return any(month.auc for month in months)


def _realised(months: Sequence[Month]) -> str:
    rows = []
    for name, words in (
        ("auc", "AUC"),
        ("recall_asf", "Recall ASF"),
        ("recall_nsf", "Recall NSF"),
    ):
        rows.append(Row(words, None, heading=True))
        for month in months[:12]:
            found: Estimate | None = getattr(month, name)
            rows.append(Row(month.month, found.limits if found else None))
    newest = next(month.auc for month in months if month.auc)
    label = "realised, by month of the answer; dashed: newest AUC"
    return forest_plot(rows, overall=newest.value, label=label)
