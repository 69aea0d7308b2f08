"""
When nights began and ended, and how: a file that each night writes, whole.

It is read without ledger and server, so that a night that never came is seen even where
those are down. Counts and sentences only; no patient is in it.
"""

import fcntl
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cxrmlops.backlog.database import now
from cxrmlops.backlog.lease_holders import is_alive, this_process
from cxrmlops.system.errors import DataError, wrong_values
from cxrmlops.system.files import WORK, write_json

FILE = Path("data/heartbeat.json")
KEPT = 60  # nights

State = Literal["running", "complete", "half", "failed"]


class Night(BaseModel):
    """One night."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str  # Prefect's number of the flow run
    state: State  # half: some studies have no answer; failed: none has
    began: str  # UTC, ISO 8601
    ended: str | None = None
    said: str = ""  # its last sentence
    counts: dict[str, int] = {}  # studies by outcome
    host: str = ""
    holder: str = ""  # its process

    @property
    def is_killed(self) -> bool:
        """Return whether it still runs on paper, and its process is seen to be gone."""
        return self.state == "running" and is_alive(self.holder) is False


class Heartbeat(BaseModel):
    """The last nights, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nights: tuple[Night, ...] = ()


def read_heartbeat(path: Path = FILE) -> Heartbeat:
    """Read what nights wrote; no file is no night.

    Raises:
        DataError: the file holds something else.
    """
    try:
        return Heartbeat.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Heartbeat()
    except ValidationError as error:
        raise DataError(
            f"{path} is no heartbeat ({wrong_values(error)}); remove it, the next "
            "night writes a new one"
        ) from None


def begin(run: str) -> None:
    """Note that a night begins here, in this process.

    Args:
        run: Prefect's number of the flow run.
    """
    night = Night(
        run=run,
        state="running",
        began=now(),
        host=socket.gethostname(),
        holder=this_process(),
    )
    with _changing() as nights:
        if run not in nights:
            nights[run] = night


def end(run: str, state: State, *, said: str, counts: Mapping[str, int]) -> Night:
    """Note how a night ended; give what is known of it.

    One that never told of its beginning began when it ended.
    """
    with _changing() as nights:
        known = nights.get(run) or Night(run=run, state=state, began=now())
        told = {"state": state, "ended": now(), "said": said, "counts": dict(counts)}
        nights[run] = known.model_copy(update=told)
    return nights[run]


def withdraw(run: str) -> None:
    """Forget a night that did not take place: another does its work."""
    with _changing() as nights:
        nights.pop(run, None)


def began_at(run: str) -> str | None:
    """Return when a night began; None: it did not tell."""
    known = {night.run: night.began for night in read_heartbeat().nights}
    return known.get(run)


@contextmanager
def _changing() -> Iterator[dict[str, Night]]:
    """Let one process at a time change the file; a broken one is begun anew."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "heartbeat.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed
        try:
            before = read_heartbeat().nights
        except DataError:
            before = ()
        nights = {night.run: night for night in before}
        yield nights
        kept = sorted(nights.values(), key=lambda night: night.began)[-KEPT:]
        write_json(FILE, Heartbeat(nights=tuple(kept)).model_dump(mode="json"))
