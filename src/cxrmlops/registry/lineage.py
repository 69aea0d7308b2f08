"""Where a model comes from: git commit, DVC hashes, the installed packages."""

import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import yaml

from cxrmlops.files import sha256_json

# dvc.lock is written by the training itself; its hashes are recorded beside the commit
OURS = ("--", ":/", ":(exclude,top,glob)**/dvc.lock")


def code_state(folder: Path = Path()) -> dict[str, str]:
    """Name the commit that `folder` stands on, and whether it was changed since.

    Returns:
        `git_commit` ("" outside a checkout) and `git_dirty`: yes, no or unknown.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {"git_commit": "", "git_dirty": "unknown"}
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", *OURS)
    return {"git_commit": commit, "git_dirty": "yes" if changed else "no"}


def data_state(lock: Path = Path("dvc.lock")) -> dict[str, str]:
    """Give DVC's hash of every stage's output, as dvc.lock says; {} without one."""
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


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git on this machine
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
