"""Nights that nobody else can tell of: late, missing or killed. Told once each."""

from pathlib import Path

from cxrmlops.operations.notices import tell
from cxrmlops.operations.status import KILLED, LATE, MISSING, Status
from cxrmlops.params import Event
from cxrmlops.system.files import read_json, write_json

FILE = Path("data/notified.json")
KEPT = 100
EVENTS: dict[str, Event] = {  # kind of a problem -> event; the flow tells the others
    LATE: "night_late",
    MISSING: "night_missing",
    KILLED: "night_failed",
    "ledger": "alarm",
}


def tell_overdue(status: Status) -> list[str]:
    """Tell of what is overdue and was not told yet; name the events.

    A ledger that does not answer is told once a day.
    """
    try:
        known = read_json(FILE)
    except (FileNotFoundError, ValueError):
        known = []
    told = []
    for problem in status.problems:
        event = EVENTS.get(problem.kind)
        about = status.at[:10] if event == "alarm" else status.last and status.last.run
        key = f"{problem.kind} {about}"
        if event and key not in known and tell(event, problem.said):
            told.append(event)
            known.append(key)
    if told:
        write_json(FILE, known[-KEPT:])
    return [str(event) for event in told]
