"""Checks of this machine: disk, memory, processor, clock, who may read and write."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import yaml

from cxrmlops.backlog.addresses import folder_of, results_named, source_address
from cxrmlops.backlog.audit import audit_file
from cxrmlops.operations.finding import Finding, broken, note, well
from cxrmlops.operations.service_checks import ledger_file
from cxrmlops.params import load_params, load_site
from cxrmlops.system import clock
from cxrmlops.system.files import WORK

DISK, MEMORY, PROCESSOR, CLOCK = "disk", "memory", "processor", "clock"
PERMISSIONS = "permissions"
GIB = 2**30
LOW_DISK, LEAST_DISK = 20 * GIB, 2 * GIB
LOW_MEMORY, LEAST_MEMORY = 4 * GIB, GIB  # free for programs
ACCELERATOR_SECONDS = 5.0
# What may name a patient, or hold a password; mode 0600 in folders of 0700
PRIVATE = ("data/score", "data/report", "data/local", "data/cohort", "addresses.env")
_CGROUP = Path("/sys/fs/cgroup")


def check_disk() -> Finding:
    """Look at the free space of every disk that the line writes to."""
    free: dict[int, tuple[int, str]] = {}  # device -> bytes, one folder on it
    for folder in _written():
        there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        device, room = there.stat().st_dev, shutil.disk_usage(there).free
        free.setdefault(device, (room, str(folder)))
    least, at = min(free.values())
    said = ", ".join(f"{n / GIB:.0f} GiB at {place}" for n, place in free.values())
    do = "make room: cxrmlops clean, or another disk"
    if least < LEAST_DISK:
        return broken(DISK, f"{least / GIB:.1f} GiB free at {at}", do)
    if least < LOW_DISK:
        return note(DISK, f"free: {said}", do)
    return well(DISK, f"free: {said}")


def check_memory() -> Finding:
    """Look how much memory a program could take now."""
    free = _free_memory()
    said = f"{free / GIB:.1f} GiB free for programs"
    do = "end other programs, or set CXR_WORKERS and score.batch_size lower"
    if free < LEAST_MEMORY:
        return broken(MEMORY, said, do)
    return note(MEMORY, said, do) if free < LOW_MEMORY else well(MEMORY, said)


def check_processor() -> Finding:
    """Look whether there is a GPU, where one is asked for.

    What torch makes of it is tried by `--model`: loading it takes seconds.
    """
    params, cards = load_params(), _cards()
    cores = len(os.sched_getaffinity(0))
    asked = [
        f"{section}.accelerator"
        for section in ("score", "train")
        if getattr(params, section).accelerator == "gpu"
    ]
    if asked and not cards:
        return broken(
            PROCESSOR,
            f"no GPU is found, and {' and '.join(asked)} asks for one",
            "see nvidia-smi and the driver, or set it to auto in params.yaml",
        )
    return well(PROCESSOR, f"{', '.join(cards) or 'no GPU'}; {cores} CPU cores")


OF_THE_SITE = "{{ $CXR_TIME_ZONE }}"  # in prefect.yaml: set at deployment


def check_clock() -> Finding:
    """Look whether the time is real, and the night's hour that of the site."""
    zone = load_site().time_zone
    time = clock.now(zone).isoformat()
    if os.environ.get("CXR_CLOCK"):
        return broken(
            CLOCK,
            f"CXR_CLOCK is set: every report would say {time}",
            "unset CXR_CLOCK; it is for tests",
        )
    scheduled = _zone_of_the_night()
    if scheduled not in (None, OF_THE_SITE, zone):
        return note(
            CLOCK,
            f"it is {time}; prefect.yaml schedules the night in {scheduled}, the site "
            f"is in {zone}",
            f"prefect.yaml: timezone: {zone}, then deploy again",
        )
    return well(CLOCK, f"it is {time} in {zone}")


def check_permissions() -> Finding:
    """Look whether others read what names patients, and we write our folders."""
    for folder in (Path(), Path("data"), WORK):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            return broken(
                PERMISSIONS,
                f"this user cannot write to {folder.absolute()}",
                f"chown it to the service's account ({os.getuid()})",
            )
    backlog = load_site().backlog
    if backlog.exists() and not os.access(backlog, os.R_OK | os.X_OK):
        return broken(
            PERMISSIONS,
            f"this user cannot read {backlog}",
            "give the service's account the right to read site.yaml: backlog",
        )
    there = [ledger_file(), audit_file(), *map(Path, PRIVATE)]
    if found := [path for path in there if path and _is_open(path)]:
        named = " ".join(map(str, found))
        return broken(
            PERMISSIONS,
            f"others can read {named}, where patients or passwords may be named",
            f"chmod -R go-rwx {named}",
        )
    return well(PERMISSIONS, "what names patients is readable for its owner alone")


def _written() -> list[Path]:
    site = load_site()
    folders = [Path("data"), WORK, audit_file().parent, site.backlog]
    named = [source_address(site.archive)]
    named += [one] if (one := results_named(site.results_archive)) else []
    folders += [place for place in map(folder_of, named) if place]
    folders += [ledger.parent] if (ledger := ledger_file()) else []
    return folders


def _free_memory() -> int:
    """Return what the kernel would give, or a container's limit leaves, in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    free = int(fields["MemAvailable"].split()[0]) * 1024
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return min(free, int(limit) - used) if limit.isdigit() else free


def _cards() -> list[str]:
    """Name the GPUs; [] where there is none, or no driver."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=ACCELERATOR_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _zone_of_the_night() -> str | None:
    path = Path("prefect.yaml")
    if not path.exists():
        return None
    deployed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for one in deployed.get("deployments") or []:
        if one.get("name") == "nightly":
            return next((s.get("timezone") for s in one.get("schedules") or []), None)
    return None


def _is_open(path: Path) -> bool:
    if not path.exists():
        return False
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
