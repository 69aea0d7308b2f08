"""
Who did what with whose films: one JSON object a line, apart from every log.

Events and codes are those of PS3.15 A.5 and PS3.16 CID 400 and 401. The file holds
identifiers by its nature and is readable for its owner alone. Lines are only added and
numbered; a file that is full is put aside whole (`audit_rotation.py`), and each line
goes on to the site's collector, if it has one (`audit_forwarding.py`). How long files
are kept is the site's.
"""

import getpass
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cxrmlops.backlog.addresses import shown
from cxrmlops.backlog.audit_forwarding import forward
from cxrmlops.backlog.audit_rotation import opened, whole_files
from cxrmlops.backlog.database import now, sqlite_file
from cxrmlops.system.files import disk_space

APPLICATION_ACTIVITY, START, STOP = "110100", "110120", "110121"
IMAGES_READ = "110103"  # DICOM Instances Accessed
TRANSFERRED = "110104"  # DICOM Instances Transferred
QUERY = "110112"
SECURITY_ALERT, SOFTWARE_CONFIGURATION = "110113", "110131"
CREATE, READ, UPDATE, EXECUTE = "C", "R", "U", "E"
SUCCESS, MINOR, SERIOUS, MAJOR = 0, 4, 8, 12  # RFC 3881 5.1.4


@dataclass(frozen=True)
class Event:
    """One line of the stream, but for its time."""

    event: str  # code of the DICOM vocabulary
    action: str  # create, read, update, delete or execute: C R U D E
    type: str = ""  # code that says more
    outcome: int = SUCCESS
    source: str = ""  # host, address or folder
    destination: str = ""
    decision: str = ""  # of a person: its word in the history
    user: str = ""  # a person, or the account that runs the service
    study_uid: str = ""
    patient_id: str = ""
    model_key: str = ""
    instances: int = 0  # of DICOM


def record(events: Iterable[Event], *, place: Path | None = None) -> None:
    """Add lines, all or none.

    Args:
        events: what happened.
        place: of the stream; else CXR_AUDIT, else audit.jsonl beside the ledger.

    Raises:
        ResourceError: the disk is full; no line was added.
        ParamsError: CXR_AUDIT_MAX_MIB or CXR_SYSLOG makes no sense.
    """
    path = place or audit_file()
    at = now()
    with disk_space(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened(path) as stream:
            numbered = enumerate(events, start=stream.sequence)
            lines = [_line(event, at, number) for number, event in numbered]
            _append(stream.file, "".join(f"{line}\n" for line in lines).encode())
    forward(lines)


@contextmanager
def activity(model_key: str) -> Iterator["Activity"]:
    """Note that a run starts, and how it stops; a killed one has no stop."""
    told = Activity()
    start = Event(APPLICATION_ACTIVITY, EXECUTE, START, model_key=model_key)
    record([start])
    try:
        yield told
    except BaseException:
        told.outcome = MAJOR
        raise
    finally:
        record([replace(start, type=STOP, outcome=told.outcome)])


@dataclass(frozen=True)
class Subject:
    """Whose films, and which model reads them."""

    study_uid: str
    patient_id: str
    model_key: str
    instances: int  # films


def images_read(subjects: Iterable[Subject], *, source: str) -> list[Event]:
    """Return whose films are read; noted before, so that no reading goes unnoted."""
    return [
        Event(IMAGES_READ, READ, source=source, **asdict(subject))
        for subject in subjects
    ]


class Transfers:
    """Notes each object that an archive took, and that it took no more."""

    def __init__(self, subjects: Iterable[Subject], *, destination: str) -> None:
        self._by_study = {subject.study_uid: subject for subject in subjects}
        self._to = shown(destination)

    def note(self, study_uid: str, *, is_new: bool) -> None:
        """Note one object; READ means that the archive held it before (A.5.3.7)."""
        subject = replace(self._by_study[study_uid], instances=1)
        action = CREATE if is_new else READ
        record([Event(TRANSFERRED, action, destination=self._to, **asdict(subject))])

    def __enter__(self) -> None:
        """Begin to send."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Note that the rest was not taken; the error goes on."""
        if kind is not None:
            failed = Event(TRANSFERRED, CREATE, destination=self._to, outcome=SERIOUS)
            record([failed])


@dataclass
class Activity:
    """How a run ends; set by who runs it."""

    outcome: int = SUCCESS


def audit_file() -> Path:
    """Name the stream: CXR_AUDIT, or audit.jsonl beside the ledger or here."""
    named = os.environ.get("CXR_AUDIT")
    return Path(named) if named else sqlite_file().with_name("audit.jsonl")


def audit_files() -> list[Path]:
    """Name the files of the stream that are there, oldest first."""
    path = audit_file()
    return [*whole_files(path), *([path] if path.exists() else [])]


def user() -> str:
    """Name the account that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a table of accounts
        return f"uid {os.getuid()}"


def _line(event: Event, at: str, number: int) -> str:
    values = {"sequence": number, "at": at} | asdict(event)
    values["user"] = event.user or user()
    values["source"] = event.source or socket.gethostname()
    return json.dumps(values)


def _append(stream: int, lines: bytes) -> None:
    """Write to the end; take back what a full disk cut off."""
    size = os.fstat(stream).st_size
    left = memoryview(lines)
    try:
        while left:
            left = left[os.write(stream, left) :]
    except OSError:
        if len(left) < len(lines):
            os.ftruncate(stream, size)
        raise
