"""What one check found: how it stands, in one sentence, and what to do."""

from dataclasses import dataclass
from typing import Literal

from cxrmlops.system.errors import CxrError

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """The answer of one check; safe to show, no patient is in it."""

    name: str
    state: State  # note: it works, and a person should know
    said: str
    do: str = ""  # what a person does about it


def well(name: str, said: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(name, "ok", said)


def note(name: str, said: str, do: str) -> Finding:
    """Say what works, and what a person may want to change."""
    return Finding(name, "note", said, do)


def broken(name: str, said: str, do: str) -> Finding:
    """Say what does not work."""
    return Finding(name, "broken", said, do)


def of_error(name: str, error: CxrError) -> Finding:
    """Take one of our errors apart: its last part says what to do next."""
    said, _, do = str(error).rpartition("; ")
    return broken(name, said or do, do if said else "see the message")
