"""
What an export holds already: a JSON line a film, written once its file is in place.

It stays at the site: it joins a film's own UID and content with its pseudonyms.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from cxrmlops.system.files import disk_space, make_folder, read_journal, sha256_file


@dataclass(frozen=True)
class Entry:
    """A film that is in place."""

    sop_instance_uid: str  # its own
    content: str  # SHA-256 of its own file
    file: str  # below to_send
    sha256: str  # of that file
    patient: str  # pseudonym


class Journal:
    """The films of one export, by their own SOP Instance UID."""

    def __init__(self, path: Path, send: Path) -> None:
        """Read it, and remove from `send` what a killed run left there unsaid."""
        self._path, self._send = path, send
        entries = [Entry(**line) for line in read_journal(path)]
        self.entries = {entry.sop_instance_uid: entry for entry in entries}
        said = {entry.file for entry in entries}
        for file in send.glob("*/*.dcm"):
            if file.relative_to(send).as_posix() not in said:
                file.unlink()

    def is_in_place(self, entry: Entry) -> bool:
        """Return whether its file is still there, unchanged."""
        file = self._send / entry.file
        return file.is_file() and sha256_file(file) == entry.sha256

    def add(self, entry: Entry) -> None:
        """Note a film, on disk before this returns.

        Raises:
            ResourceError: the disk is full.
        """
        make_folder(self._path.parent, private=True)
        with disk_space(self._path):
            at = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(at, "w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        self.entries[entry.sop_instance_uid] = entry
