"""Which stage writes a file again, as a person would start it."""

from pathlib import Path

_OF_A_NIGHT = ("score", "report")  # stages that dvc.yaml does not name


def rerun(path: Path) -> str:
    """Name the stage that writes `path`, and the command: `'split' (dvc repro)`.

    Args:
        path: a file of a stage: `<stage>/<file>`, of a night `<stage>/<chunk>/<file>`.
    """
    folders = [folder.name for folder in path.parents]
    for stage in _OF_A_NIGHT:
        if stage in folders[:2]:
            return f"'{stage}' (the night's run, or cxrmlops score)"
    return f"'{folders[0]}' (dvc repro)"
