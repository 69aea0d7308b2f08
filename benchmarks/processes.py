"""What this process and those it started have cost: CPU seconds and peak memory."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 2**20


def cpu_seconds() -> dict[str, float]:
    """Return CPU seconds so far of the `flow`, its `workers`, the `Prefect` server."""
    return _by_role({pid: _cpu(pid) for pid in _tree()}, sum)


def peak_mib() -> dict[str, float]:
    """Return the peak memory so far: of the flow, the largest worker, the server."""
    return _by_role({pid: _peak(pid) for pid in _tree()}, max)


def _by_role(values: dict[int, float], join) -> dict[str, float]:
    roles: dict[str, list[float]] = {}
    for pid, value in values.items():
        roles.setdefault(_role(pid), []).append(value)
    return {role: round(join(those), 3) for role, those in sorted(roles.items())}


def _tree() -> list[int]:
    """List this process and everything below it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(_stat(int(folder.name))[1])
        except (OSError, ValueError):
            continue  # it ended while we looked
    tree = [os.getpid()]
    for pid in tree:
        tree += [child for child, parent in parents.items() if parent == pid]
    return tree


def _role(pid: int) -> str:
    if pid == os.getpid():
        return "flow"
    said = Path(f"/proc/{pid}/cmdline").read_bytes()
    return "Prefect" if b"prefect.server" in said else "workers"


def _stat(pid: int) -> list[str]:
    """Return the fields after the program's name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MIB
    return 0.0
