"""
Which process holds a chunk, and whether it is dead for certain.

A killed run frees its chunks at once where its death can be seen: under the same
running kernel and in the same container. There a process is known by its number and its
start time, for numbers are given again. Anywhere else the lease alone decides.
"""

import os
import time
from pathlib import Path

from sqlalchemy import Connection, select, update

from cxrmlops.backlog.schema import chunks

KILLED = "its run was killed"
_PROC = Path("/proc")


def this_process() -> str:
    """Name this process: kernel, container, number, start; "" where not Linux."""
    place, process = _place(), _process(os.getpid())
    return f"{place} {os.getpid()} {process[1]}" if place and process else ""


def is_dead(holder: str) -> bool:
    """Say whether that process is gone for certain; False also means: unknown."""
    place, _, rest = holder.rpartition(" ")
    place, _, number = place.rpartition(" ")
    if not place or place != _place():
        return False
    try:
        os.kill(int(number), 0)  # asks, sends nothing
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's
    process = _process(int(number))
    return process is not None and (process[0] in "ZX" or process[1] != rest)


def free_dead(connection: Connection) -> None:
    """End the leases of processes that are dead for certain."""
    leased = (chunks.c.lease_until >= time.time()) & (chunks.c.holder != "")
    holders = connection.execute(select(chunks.c.holder).where(leased).distinct())
    dead = [holder for holder in holders.scalars() if is_dead(holder)]
    theirs = leased & chunks.c.holder.in_(dead)
    values = {"owner": "", "holder": "", "lease_until": 0.0, "reason": KILLED}
    connection.execute(update(chunks).where(theirs).values(values))


def _place() -> str:
    """Name the running kernel and the space in which process numbers count."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process(number: int) -> tuple[str, str] | None:
    """Give state and start time, in ticks since the kernel started (proc(5))."""
    try:
        line = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # a program's name may hold anything
    return fields[0], fields[19]
