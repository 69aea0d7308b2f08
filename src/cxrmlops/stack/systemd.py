"""A unit of systemd, so that the servers are back after a reboot."""

import getpass
import os
import shlex
import subprocess
from pathlib import Path

from cxrmlops.stack import supervisor

UNIT = "cxrmlops.service"
_UNITS = Path("/etc/systemd/system")
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)


def unit(folder: Path, *, project: Path) -> str:
    """Return the unit: supervisord in the foreground, as the user who made it."""
    return f"""\
[Unit]
Description=cxrmlops: its servers, in {project}
After=network.target

[Service]
Type=exec
User={getpass.getuser()}
WorkingDirectory={project}
ExecStart={shlex.join(supervisor.command(folder, "-n"))}
KillMode=mixed
TimeoutStopSec=60
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def runs_here() -> bool:
    """Tell whether systemd is this machine's first process, and listens to us."""
    return _BOOTED.is_dir() and os.geteuid() == 0


def install(file: Path) -> None:
    """Enable the unit and hand the servers over to it."""
    (_UNITS / UNIT).write_text(file.read_text("utf-8"), "utf-8")
    for words in (["daemon-reload"], ["enable", UNIT], ["start", UNIT]):
        subprocess.run(["systemctl", *words], check=True, stdout=subprocess.DEVNULL)


def by_hand(file: Path) -> str:
    """Return the commands that a person with the right to do so gives."""
    return (
        f"sudo install -m 644 {shlex.quote(str(file))} {_UNITS}/ && "
        f"sudo systemctl enable {UNIT}"
    )


def disable() -> None:
    """Stop the unit and start it at no later boot."""
    subprocess.run(
        ["systemctl", "disable", "--now", UNIT], check=True, stdout=subprocess.DEVNULL
    )
