"""Where a model comes from: git commit, DVC hashes, the installed packages."""

import logging
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

import yaml

from cxrmlops.records.origin import Origin
from cxrmlops.stage_code import stage_code_hash

OUTSIDE = "not a git repository (or any"  # of git's own words, where none is around
# No code: dvc.lock is written by the training itself; what the settings say is recorded
# as params of the run and as fingerprint of the cohort; a remote changes no figure
SETTINGS = ("dvc.lock", "params.yaml", "site.yaml", ".dvc/config")
OURS = ("--", ":/", *(f":(exclude,top,glob)**/{name}" for name in SETTINGS))
LINE = ("cohort", "preprocess", "validate", "split", "train")  # what makes a model

log = logging.getLogger(__name__)


class _GitError(Exception):
    """A checkout is there, and git could not say what was asked of it."""


@dataclass(frozen=True)
class CodeState:
    """The commit that a folder stands on, and what was changed since."""

    commit: str  # "" where git names none
    dirty: Literal["yes", "no", "unknown", "unreadable"]  # unknown: no checkout
    changed: tuple[str, ...] = ()  # files, from the top of the checkout


def code_state(folder: Path = Path()) -> CodeState:
    """Ask git for the commit that `folder` stands on, and what was changed since.

    Settings (`SETTINGS`) are no code. A checkout that git cannot read is warned of.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        if commit is None:
            return CodeState("", "unknown")
        told = _git(folder, "status", "--porcelain", "--untracked-files=no", *OURS)
    except _GitError as error:
        log.warning(
            "the commit of the code is not known: %s; fix that, e.g. git config "
            "--global --add safe.directory FOLDER, before a model is to be used",
            error,
        )
        return CodeState("", "unreadable")
    changed = tuple(line.split(maxsplit=1)[1] for line in (told or "").splitlines())
    return CodeState(commit, "yes" if changed else "no", changed)


def origin(folder: Path = Path()) -> Origin:
    """Note on which code and packages a training that begins now will run."""
    state = code_state(folder)
    return Origin(
        git_commit=state.commit,
        git_dirty=state.dirty,
        code=code_hashes(),
        environment=tuple(environment().splitlines()),
    )


def code_hashes() -> dict[str, str]:
    """Hash what the code of each stage up to train does, as it lies here."""
    return {stage: stage_code_hash(stage) for stage in LINE}


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
