"""Numbers of the nights in Prometheus' text format, for node_exporter's textfile."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import get_args

from cxrmlops.operations.heartbeat import State
from cxrmlops.operations.status import Status
from cxrmlops.system.errors import ParamsError
from cxrmlops.system.files import write_text

PREFIX = "cxrmlops"


def text(status: Status) -> str:
    """Write every number with its help and type; counts only."""
    return "".join(f"{line}\n" for line in _lines(status))


def write(status: Status, path: Path) -> None:
    """Write the file, whole, for whoever may read it.

    Raises:
        ParamsError: it cannot be written there.
    """
    try:
        write_text(path, text(status))
    except OSError as error:
        raise ParamsError(
            f"{path} cannot be written ({error.strerror}); name another file"
        ) from None


def _lines(status: Status) -> Iterator[str]:
    yield from _gauge("status", "0 OK, 1 WARNING, 2 CRITICAL", {"": status.level})
    yield from _gauge(
        "late_nights", "Nights late or missing, 14 days", {"": status.late_nights}
    )
    checked = datetime.fromisoformat(status.at).timestamp()
    yield from _gauge("status_timestamp_seconds", "When it was looked", {"": checked})
    if status.waiting is not None and status.failed is not None:
        counts = {
            '{state="waiting"}': status.waiting,
            '{state="failed"}': status.failed,
        }
        yield from _gauge("open_studies", "Studies that are not done", counts)
    if (night := status.last) is None:
        return
    states = {f'{{state="{s}"}}': int(s == night.state) for s in get_args(State)}
    yield from _gauge("night_state", "How the last night stands", states)
    began = datetime.fromisoformat(night.began).timestamp()
    yield from _gauge(
        "night_began_timestamp_seconds", "Begin of the last night", {"": began}
    )
    if night.ended:
        ended = datetime.fromisoformat(night.ended).timestamp()
        yield from _gauge(
            "night_ended_timestamp_seconds", "End of the last night", {"": ended}
        )
    by_outcome = {f'{{outcome="{name}"}}': n for name, n in night.counts.items()}
    yield from _gauge("night_studies", "Studies of the last night", by_outcome)


def _gauge(name: str, told: str, values: Mapping[str, float]) -> Iterator[str]:
    if not values:
        return
    yield f"# HELP {PREFIX}_{name} {told}"
    yield f"# TYPE {PREFIX}_{name} gauge"
    for labels, value in values.items():
        yield f"{PREFIX}_{name}{labels} {value:.15g}"
