"""
Everything that cannot be made again, in one folder: databases, bundles, settings.

The order is part of it. What refers is saved before what it refers to: the ledger's
history names bundles of MLflow, MLflow's database names artifacts. Both only grow, so
that all that an earlier copy names is in the later one; what came in between is in the
later copy alone, and harms nobody. The audit stream comes last: it may know more than
the ledger, never less.

Not saved: the key of the pseudonyms and passwords, which do not belong beside the data;
images, which the archive has; what `dvc repro` makes again; results of studies that are
delivered; Prefect's own database.
"""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cxrmlops.backlog.audit import audit_files
from cxrmlops.backlog.database import now
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.dicom.identity import key_file, key_fingerprint, pseudonym_key
from cxrmlops.operations import stores
from cxrmlops.operations.backup_manifest import Manifest, describe, write_manifest
from cxrmlops.params import load_site
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import make_folder, whole_folder

SETTINGS = ("params.yaml", "site.yaml", "prefect.yaml", "dvc.yaml", "dvc.lock")
BUNDLES = (Path("data/train/bundle"), Path(".work/models"))


@dataclass(frozen=True)
class Backup:
    """What was saved, and what a person should know of it."""

    folder: Path
    manifest: Manifest
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Say it, in lines for people."""
        size = sum(one.bytes for one in self.manifest.files.values())
        yield f"{self.folder}: {len(self.manifest.files)} files, {size / 1e6:,.1f} MB"
        yield from self.notes


def back_up(below: Path, *, with_mlflow: bool = True) -> Backup:
    """Save everything into a new folder below `below`, named by the time; whole or not.

    Args:
        below: made if it is not there; on another disk, best on another machine.
        with_mlflow: False: its database and artifacts are saved in another way.

    Raises:
        DataError: `below` is no folder.
        ParamsError: it is not known where MLflow's database is.
        ServiceError, ResourceError: a database could not be copied; nothing is left.
    """
    if below.exists() and not below.is_dir():
        raise DataError(f"{below} is no folder; name one for backups")
    ledger, level = stores.ledger(), read_level()
    mlflow = stores.mlflow() if with_mlflow else None
    if mlflow and not mlflow.is_there():
        mlflow = None
    make_folder(below, private=True)
    at = datetime.now(UTC)
    folder = below / f"cxrmlops-{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z"
    notes: list[str] = []
    with whole_folder(folder, private=True) as draft:
        notes += _copy_settings(draft / "settings")
        if level.revision is not None:
            ledger.save(draft)
        if mlflow is not None:
            mlflow.save(draft)
            notes += _copy_artifacts(draft / "artifacts")
        _copy_bundles(draft / "bundles")
        for file in audit_files():
            _copy(file, draft / "audit" / file.name)
        manifest = Manifest(
            made_at=now(),
            version=version("cxrmlops"),
            host=socket.gethostname(),
            folder=str(Path.cwd()),
            key_fingerprint=fingerprint_here(),
            ledger=ledger.kind if level.revision is not None else None,
            ledger_revision=level.revision,
            mlflow=mlflow.kind if mlflow else None,
            files=describe(draft),
        )
        write_manifest(manifest, draft)
    return Backup(folder, manifest, tuple(notes + _not_saved(manifest, with_mlflow)))


def fingerprint_here() -> str:
    """Return the fingerprint of the pseudonyms' key; "" none is here, none is made."""
    file = key_file()
    if file is not None and not file.exists():
        return ""
    return key_fingerprint(pseudonym_key())


def _copy_settings(to: Path) -> list[str]:
    """Copy settings, and what people settled about labels."""
    for name in SETTINGS:
        if Path(name).exists():
            _copy(Path(name), to / name)
    decisions = load_site().decisions
    if decisions is None or not decisions.is_dir():
        return []
    if decisions.is_absolute():
        return [f"site.yaml: decisions lie elsewhere: copy {decisions} as well"]
    shutil.copytree(decisions, to / decisions)
    return []


def _copy_artifacts(to: Path) -> list[str]:
    source = stores.artifacts()
    if source is None:
        return ["MLflow's artifacts lie in no folder: copy that store in its own way"]
    if source.is_dir():
        shutil.copytree(source, to)
    return []


def _copy_bundles(to: Path) -> None:
    """Copy the bundle of the last training, and those that nights have read with."""
    trained, fetched = BUNDLES
    if trained.is_dir():
        shutil.copytree(trained, to / "trained")
    for folder in sorted(fetched.glob("[!.]*")) if fetched.is_dir() else ():
        shutil.copytree(folder, to / folder.name)


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


def _not_saved(manifest: Manifest, with_mlflow: bool) -> list[str]:
    told = []
    if manifest.ledger is None:
        told.append("there is no ledger yet")
    if manifest.mlflow is None and with_mlflow:
        told.append("there is no MLflow database yet")
    if not with_mlflow:
        told.append("MLflow is not saved: copy its database after this, then artifacts")
    key = manifest.key_fingerprint
    told.append(
        f"the key of the pseudonyms (fingerprint {key}) is not in it: keep that apart, "
        "without it no patient is known again"
        if key
        else "there is no key of the pseudonyms yet"
    )
    told.append("nor are addresses.env and its passwords, images, and data/report")
    return told
