"""What of a watch somebody has to look at: at most one alarm of each kind."""

from collections.abc import Iterator, Sequence

from cxrmlops.records.watch import Alarm, Month, Shift, Watch

RUNBOOK: dict[str, str] = {  # kind -> heading of docs/how-to/watch.md
    "headers": "Headers",
    "picture": "Picture",
    "embedding": "Embedding",
    "scores": "Scores",
    "rejects": "Rejects",
    "calibration": "Calibration",
    "performance": "Performance",
    "reports": "Reports",
}
NAMED = 3  # comparisons in a sentence; the rest are counted


def alarms_of(watch: Watch, min_auc: float, min_recall: float) -> list[Alarm]:
    """Return the alarms of a night, in the order of the runbook.

    Args:
        watch: all but its alarms.
        min_auc: realised; the newest month that is assessed, wholly below: an alarm.
        min_recall: likewise, of either class.
    """
    said: dict[str, str] = {}
    for kind in dict.fromkeys(one.kind for one in watch.shifts if one.is_alarm):
        said[kind] = _moved([o for o in watch.shifts if o.is_alarm and o.kind == kind])
    if watch.calibration.verdict == "refused":
        said["calibration"] = watch.calibration.reason
    assessed = [month for month in watch.months if not month.why]
    poor = [
        said for month in assessed[:1] for said in _poor(month, min_auc, min_recall)
    ]
    if poor:
        said["performance"] = "; ".join(poor)
    if watch.unread_reports:
        n = len(watch.unread_reports)
        said["reports"] = f"{n} file(s) of reports were not read"
    return [
        Alarm(
            kind=kind, said=f"{kind}: {said[kind]}", since=watch.date, runbook=heading
        )
        for kind, heading in RUNBOOK.items()
        if kind in said
    ]


def _moved(shifts: Sequence[Shift]) -> str:
    named = [_words(one) for one in shifts[:NAMED]]
    more = len(shifts) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _words(one: Shift) -> str:
    where = "" if one.group == "all" else f" ({one.group})"
    days = "the night" if one.nights == 1 else f"{one.nights} days"
    return (
        f"{one.feature}{where} {one.reference:.3g} -> {one.now:.3g} "
        f"in {days}, n = {one.n}"
    )


def _poor(month: Month, min_auc: float, min_recall: float) -> Iterator[str]:
    for name, found, bound in (
        ("AUC", month.auc, min_auc),
        ("recall ASF", month.recall_asf, min_recall),
        ("recall NSF", month.recall_nsf, min_recall),
    ):
        if found is not None and found.high < bound:
            yield (
                f"{month.month} {name} {found.value:.3f} ({found.low:.3f} to "
                f"{found.high:.3f}), n = {found.n}, bound {bound:g}"
            )
