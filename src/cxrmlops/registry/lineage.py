"""Where a model comes from: git commit, DVC hashes, the installed packages."""

import logging
import os
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import yaml

from cxrmlops.system.files import sha256_json

# dvc.lock is written by the training itself; its hashes are recorded beside the commit
UNREADABLE = "unreadable"  # there is a checkout, but git tells nothing of it
OUTSIDE = "not a git repository (or any"  # of git's own words, where none is around
OURS = ("--", ":/", ":(exclude,top,glob)**/dvc.lock")

log = logging.getLogger(__name__)


class _GitError(Exception):
    """A checkout is there, and git could not say what was asked of it."""


def code_state(folder: Path = Path()) -> dict[str, str]:
    """Name the commit that `folder` stands on, and whether it was changed since.

    Returns:
        `git_commit` ("" outside a checkout) and `git_dirty`: yes, no, unknown (outside
        a checkout) or unreadable (in one that git refuses to read, which is warned of).
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        if commit is None:
            return {"git_commit": "", "git_dirty": "unknown"}
        asked = ("status", "--porcelain", "--untracked-files=no", *OURS)
        changed = _git(folder, *asked)
    except _GitError as error:
        log.warning(
            "the commit of the code is not known: %s; fix that, e.g. git config "
            "--global --add safe.directory FOLDER, before a model is to be used",
            error,
        )
        return {"git_commit": "", "git_dirty": UNREADABLE}
    return {"git_commit": commit, "git_dirty": "yes" if changed else "no"}


def data_state(lock: Path = Path("dvc.lock")) -> dict[str, str]:
    """Return DVC's hash of every stage's output, as dvc.lock says; {} without one."""
    if not lock.exists():
        return {}
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
    return {
        out["path"]: out["md5"]
        for stage in stages.values()
        for out in stage.get("outs", [])
        if "md5" in out
    }


def environment() -> str:
    """List Python, platform and every installed package, one per line, sorted."""
    packages = {f"{d.name.lower()}=={d.version}" for d in distributions()}
    head = [f"# Python {platform.python_version()} on {platform.platform()}"]
    return "\n".join([*head, *sorted(packages)]) + "\n"


def environment_hash() -> str:
    """Hash what `environment` lists: 64 hex digits."""
    return sha256_json(environment())


def _git(folder: Path, *words: str) -> str | None:
    """Ask git; None outside a checkout.

    Raises:
        _GitError: it did not answer, though a checkout may be there.
    """
    plain = os.environ | {"LC_ALL": "C", "LANGUAGE": ""}  # to know its words again
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=plain,
        )
    except OSError as error:  # no git on this machine
        around = [folder.absolute(), *folder.absolute().parents]
        if any((place / ".git").exists() for place in around):
            raise _GitError(f"git does not run ({type(error).__name__})") from None
        return None
    if done.returncode == 0:
        return done.stdout.strip()
    if OUTSIDE in done.stderr:
        return None
    told = done.stderr.strip().partition("\n")[0] or f"exit status {done.returncode}"
    raise _GitError(told.removeprefix("fatal: "))
