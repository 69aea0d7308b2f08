"""The processes of the servers, under supervisord: started, restarted, stopped."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cxrmlops.stack.services import Service
from cxrmlops.system.errors import ResourceError
from cxrmlops.system.processes import MARK

_STOP_SECONDS = 150.0  # one after the other, each at most `stopwaitsecs`


def configuration(folder: Path, services: Sequence[Service], *, account: str) -> str:
    """Return supervisord's settings.

    Args:
        folder: of logs, socket and the scripts of services (`run/<name>.sh`).
        services: in the order of their start.
        account: that PostgreSQL runs as where this is root's.
    """
    parts = [
        "[supervisord]",
        f"logfile={folder}/logs/supervisord.log",
        f"pidfile={folder}/supervisord.pid",
        f"directory={folder}",
        "umask=077",
        "[unix_http_server]",
        f"file={folder}/supervisor.sock",
        "chmod=0700",
        "[supervisorctl]",
        f"serverurl=unix://{folder}/supervisor.sock",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory="
        "supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for order, service in enumerate(services):
        parts += [
            f"[program:{service.name}]",
            f"command=/bin/sh {folder}/run/{service.name}.sh",
            f"priority={order}",
            "autorestart=true",
            "startretries=1000000",  # after a reboot what it needs may come late
            "redirect_stderr=true",
            f"stdout_logfile={folder}/logs/{service.name}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=5",
            "stopsignal=INT",  # PostgreSQL: at once and in order; Prefect: as Ctrl-C
            "stopwaitsecs=20",
            "stopasgroup=true",
            "killasgroup=true",
        ]
        if service.name == "database" and os.geteuid() == 0:
            parts.append(f"user={account}")
    return "\n".join(parts).replace("%", "%%") + "\n"


def start(folder: Path) -> None:
    """Start supervisord, or have the running one take up changed settings.

    Raises:
        ResourceError: it does not start.
    """
    if is_running(folder):
        _control(folder, "update")
        return
    (folder / "logs").mkdir(exist_ok=True)
    surroundings = {name: v for name, v in os.environ.items() if name != MARK}
    done = subprocess.run(
        command(folder), capture_output=True, text=True, env=surroundings
    )
    if done.returncode:
        raise ResourceError(
            f"supervisord did not start: {(done.stderr or done.stdout).strip()}; see "
            f"{folder}/logs/supervisord.log"
        )


def command(folder: Path, *options: str) -> list[str]:
    """Return the command that starts supervisord."""
    program = Path(sys.executable).parent / "supervisord"
    return [str(program), "-c", f"{folder}/supervisord.conf", *options]


def restart(folder: Path, name: str) -> None:
    """Restart one service."""
    _control(folder, "restart", name)


def states(folder: Path) -> dict[str, str]:
    """Return the state of each service: `RUNNING`, `BACKOFF`, `STOPPED` ...; by name.

    Empty: supervisord does not run.
    """
    if not is_running(folder):
        return {}
    lines = _control(folder, "status").splitlines()
    return {words[0]: words[1] for line in lines if len(words := line.split()) > 1}


def is_running(folder: Path) -> bool:
    """Tell whether supervisord of this folder listens."""
    socket = folder / "supervisor.sock"
    return socket.exists() and _ask(folder, "pid").returncode == 0


def stop(folder: Path) -> bool:
    """Stop every service and supervisord; others on this machine go on.

    Returns:
        Whether there was one to stop.

    Raises:
        ResourceError: it did not end in time.
    """
    if not is_running(folder):
        return False
    _control(folder, "shutdown")
    pid = folder / "supervisord.pid"
    until = time.monotonic() + _STOP_SECONDS
    while pid.exists():
        if time.monotonic() > until:
            raise ResourceError(
                f"the servers did not end within {_STOP_SECONDS:.0f} s; see "
                f"{folder}/logs"
            )
        time.sleep(0.1)
    return True


def _control(folder: Path, *words: str) -> str:
    done = _ask(folder, *words)
    if done.returncode not in (0, 3):  # 3: some service does not run
        raise ResourceError(
            f"supervisorctl {shlex.join(words)} failed: "
            f"{(done.stdout or done.stderr).strip()}"
        )
    return done.stdout


def _ask(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "supervisorctl"
    return subprocess.run(
        [str(program), "-c", f"{folder}/supervisord.conf", *words],
        capture_output=True,
        text=True,
    )
