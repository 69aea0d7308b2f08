"""The folder in which Prefect keeps its database and results: PREFECT_HOME."""

import os
from pathlib import Path

from cxrmlops.system.errors import ParamsError

VARIABLE = "PREFECT_HOME"
HERE = Path(".prefect")  # git-ignored


def choose_home() -> None:
    """Take the usual folder, ~/.prefect; one here where the home cannot be written."""
    if VARIABLE not in os.environ and not _is_writable(_usual()):
        os.environ[VARIABLE] = str(HERE.absolute())


def require_home() -> None:
    """Refuse to run where Prefect cannot keep anything.

    Raises:
        ParamsError: the folder cannot be made, or not be written to.
    """
    folder = Path(os.environ.get(VARIABLE) or _usual()).expanduser()
    if not _is_writable(folder):
        raise ParamsError(
            f"Prefect cannot write to {folder}; set {VARIABLE} to a folder that this "
            "user can write to"
        )


def _usual() -> Path:
    try:
        return Path.home() / ".prefect"
    except RuntimeError:  # neither HOME nor an entry for this user
        return Path("/nonexistent")


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
