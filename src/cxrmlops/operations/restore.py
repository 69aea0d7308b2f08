"""
A backup back in its place: checked first, then in the opposite order of saving.

The ledger comes last. Its history puts a model in use: until it is there no night reads
with what is only half restored.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from cxrmlops.backlog.audit import audit_file
from cxrmlops.backlog.lease_holders import is_alive
from cxrmlops.backlog.migration_level import known_revisions
from cxrmlops.operations import stores
from cxrmlops.operations.backup import BUNDLES, fingerprint_here
from cxrmlops.operations.backup_manifest import Manifest, read_manifest
from cxrmlops.operations.heartbeat import read_heartbeat
from cxrmlops.operations.stores import Database, Kind
from cxrmlops.system.errors import DataError, ParamsError
from cxrmlops.system.files import whole


@dataclass(frozen=True)
class Copied:
    """A file of the backup and where it belongs."""

    source: Path
    target: Path
    private: bool = False  # it names patients


def restore(folder: Path, *, force: bool = False) -> list[str]:
    """Bring a backup back; say what was done and what to do next.

    Args:
        folder: that `back_up` made.
        force: write over what is there. Files that the backup does not know stay; an
            audit stream is never written over.

    Raises:
        DataError: no backup, a damaged one, or something is there and not `force`.
        ParamsError: made by a newer version, or for another kind of database.
        ServiceError, ResourceError: a database could not be written.
    """
    manifest = read_manifest(folder)
    _require_known(manifest)
    _require_no_night()
    databases = list(_databases(manifest))
    files = list(_files(folder, manifest))
    if not force:
        _require_free(databases, files)
    for one in files:  # artifacts and bundles, before what refers to them
        _copy(one)
    for database in databases:  # MLflow, then the ledger
        database.put_back(folder)
    audit = _audit(folder, manifest)
    for one in audit:
        _copy(one)
    return list(_told(manifest, len(files) + len(audit), databases))


def _require_known(manifest: Manifest) -> None:
    known = known_revisions()
    if manifest.ledger_revision is not None and manifest.ledger_revision not in known:
        raise ParamsError(
            f"the backup is of cxrmlops {manifest.version}, newer than this one; "
            "install that version, then restore"
        )


def _require_no_night() -> None:
    for night in read_heartbeat().nights:
        if night.state == "running" and is_alive(night.holder):
            raise DataError(
                f"the night of {night.began} runs; wait until it has ended, or end it"
            )


def _databases(manifest: Manifest) -> Iterator[Database]:
    if manifest.mlflow is not None:
        yield _same_kind(stores.mlflow(), manifest.mlflow)
    if manifest.ledger is not None:
        yield _same_kind(stores.ledger(), manifest.ledger)


def _same_kind(database: Database, kind: Kind) -> Database:
    if database.kind != kind:
        variable = "CXR_LEDGER_URL" if database.name == "ledger" else stores.BACKEND
        raise ParamsError(
            f"the backup's {database.name} is {kind}, here {variable} means "
            f"{database.kind}; point it at a {kind} database, then restore"
        )
    return database


def _files(folder: Path, manifest: Manifest) -> Iterator[Copied]:
    """Name files in the order in which they are written; settings last."""
    trained, fetched = BUNDLES
    places = {"bundles/trained": trained, "bundles": fetched, "settings": Path()}
    if (artifacts := stores.artifacts()) is not None:
        places = {"artifacts": artifacts} | places
    done: set[str] = set()
    for prefix, place in places.items():
        for name in manifest.files:
            if name.startswith(f"{prefix}/") and name not in done:
                done.add(name)
                yield Copied(folder / name, place / name.removeprefix(f"{prefix}/"))


def _audit(folder: Path, manifest: Manifest) -> list[Copied]:
    """Name files of the audit stream that are not there; none is written over."""
    beside = audit_file().parent
    names = [name for name in manifest.files if name.startswith("audit/")]
    wanted = [Copied(folder / n, beside / Path(n).name, private=True) for n in names]
    return [one for one in wanted if not one.target.exists()]


def _require_free(databases: list[Database], files: list[Copied]) -> None:
    taken = [database.name for database in databases if database.is_there()]
    for one in files:
        if one.target.exists() and not cmp(one.target, one.source, shallow=False):
            taken.append(str(one.target))
    if taken:
        raise DataError(
            "something else is there already and would be written over; make a backup "
            "of it, then add --force: nothing was changed",
            taken,
        )


def _copy(one: Copied) -> None:
    with whole(one.target, private=one.private) as draft:
        shutil.copyfile(one.source, draft)


def _told(manifest: Manifest, files: int, databases: list[Database]) -> Iterator[str]:
    names = ", ".join(database.name for database in databases) or "no database"
    yield f"back from {manifest.made_at}: {files} files, {names}"
    here = fingerprint_here()
    if manifest.key_fingerprint and here != manifest.key_fingerprint:
        yield (
            f"the key of the pseudonyms is another one (fingerprint {here or 'none'}, "
            f"the backup's {manifest.key_fingerprint}): put the former key back before "
            "the next cohort"
        )
    if manifest.folder != str(Path.cwd()) and manifest.mlflow == "sqlite":
        yield (
            f"MLflow keeps whole paths: its artifacts are looked for below "
            f"{manifest.folder}; restore there, or link that folder to this one"
        )
    yield (
        "next: cxrmlops doctor, then a night. What was delivered since the backup is "
        "found in the archive and not stored twice"
    )
