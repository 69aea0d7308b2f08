"""
Which process holds a chunk, and whether it is dead for certain.

A killed run frees its chunks at once where its death can be seen: under the same
running kernel and in the same container. There a process is known by its number and its
start time, for numbers are given again. Anywhere else the lease alone decides.

A lease is as long as its holder's clock says; clocks can be set back. One that ends
later than any lease can that is given now was given under another clock, and is void,
unless its holder is seen to live: then it is renewed soon, by the clock of now. On
PostgreSQL that clock is the server's, one for all machines.
"""

import os
import time
from pathlib import Path

from sqlalchemy import Connection, select, text, update

from cxrmlops.backlog.schema import OPEN, chunks

LEASE_SECONDS = 90.0  # renewed while the work goes on; of use where no death is seen
KILLED = "its run was killed"
OTHER_CLOCK = "its lease was given before the clock was set back"
_PROC = Path("/proc")


def this_process() -> str:
    """Name this process: kernel, container, number, start; "" where not Linux."""
    place, process = _place(), _process(os.getpid())
    return f"{place} {os.getpid()} {process[1]}" if place and process else ""


def is_alive(holder: str) -> bool | None:
    """Return whether that process lives; None: it cannot be seen from here."""
    place, _, rest = holder.rpartition(" ")
    place, _, number = place.rpartition(" ")
    if not place or place != _place():
        return None
    try:
        os.kill(int(number), 0)  # asks, sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    process = _process(int(number))
    if process is None:
        return None
    return process[0] not in "ZX" and process[1] == rest


def seconds(connection: Connection) -> float:
    """Return the time by which leases are given: seconds since 1970."""
    if connection.dialect.name == "postgresql":
        asked = text("SELECT extract(epoch FROM clock_timestamp())")
        return float(connection.execute(asked).scalar_one())
    return time.time()


def free_dead(connection: Connection) -> None:
    """End the leases of dead processes, and those that no clock of now has given."""
    now = seconds(connection)
    # the state, too, though only open ones are leased: the index begins with it
    leased = (chunks.c.state == OPEN) & (chunks.c.lease_until >= now)
    holders = connection.execute(select(chunks.c.holder).where(leased).distinct())
    alive = {holder: is_alive(holder) for holder in holders.scalars()}
    dead = [holder for holder, lives in alive.items() if lives is False]
    unseen = [holder for holder, lives in alive.items() if lives is None]
    too_late = leased & (chunks.c.lease_until > now + LEASE_SECONDS)
    for theirs, reason in (
        (leased & chunks.c.holder.in_(dead), KILLED),
        (too_late & chunks.c.holder.in_(unseen), OTHER_CLOCK),
    ):
        values = {"owner": "", "holder": "", "lease_until": 0.0, "reason": reason}
        connection.execute(update(chunks).where(theirs).values(values))


def _place() -> str:
    """Name the running kernel and the space in which process numbers count."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process(number: int) -> tuple[str, str] | None:
    """Return state and start time, in ticks since the kernel started (proc(5))."""
    try:
        line = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # a program's name may hold anything
    return fields[0], fields[19]
