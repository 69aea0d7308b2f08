"""What lies in a backup, with the hash of every file: written last, read first."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cxrmlops.operations.stores import Kind
from cxrmlops.system.errors import DataError, wrong_values
from cxrmlops.system.files import sha256_file, write_json

FILE = "manifest.json"


class Part(BaseModel):
    """A part of the manifest: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SavedFile(Part):
    """One file."""

    sha256: str
    bytes: int


class Manifest(Part):
    """Everything that a restore has to know."""

    format: Literal[1] = 1
    made_at: str  # UTC, ISO 8601
    version: str  # of cxrmlops
    host: str
    folder: str  # the project's, as it was: MLflow keeps whole paths
    key_fingerprint: str  # of the pseudonyms' key, which is not in here; "" none
    ledger: Kind | None  # None: there was none
    ledger_revision: str | None
    mlflow: Kind | None
    files: dict[str, SavedFile]  # path below the backup


def describe(folder: Path) -> dict[str, SavedFile]:
    """Hash every file below a folder, but the manifest itself."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): SavedFile(
            sha256=sha256_file(path), bytes=path.stat().st_size
        )
        for path in files
        if path != folder / FILE
    }


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write it into the backup, for its owner alone."""
    write_json(folder / FILE, manifest.model_dump(mode="json"), private=True)


def read_manifest(folder: Path) -> Manifest:
    """Read it, and check that every file is there and is what was saved.

    Raises:
        DataError: no backup, one of another format, or files that are missing or were
            changed.
    """
    try:
        manifest = Manifest.model_validate_json((folder / FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(_no_backup(folder)) from None
    except ValidationError as error:
        raise DataError(
            f"{folder / FILE} cannot be read by this version ({wrong_values(error)}); "
            "use the cxrmlops that made it, or another backup"
        ) from None
    found = describe(folder)
    wrong = [name for name, one in manifest.files.items() if found.get(name) != one]
    if wrong:
        raise DataError(
            f"{folder} is damaged: {len(wrong)} of {len(manifest.files)} files are "
            "missing or were changed since; use another backup",
            wrong,
        )
    return manifest


def _no_backup(folder: Path) -> str:
    inside = sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))
    if inside:
        return (
            f"{folder} holds {len(inside)} backups; name one of them, the newest is "
            f"{folder / inside[-1]}"
        )
    return f"{folder} is no backup: it has no {FILE}; name a folder that backup made"
