"""Files that are either complete or absent, and their hashes."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxrmlops.system.errors import DataError, ResourceError

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # of what may name a patient
WORK = Path(".work")  # unfinished work; git-ignored, removed on success
_DRAFT = re.compile(r"^\.(.*)\.\d+\.part$")
_NO_SPACE = 1 << 16  # bytes: less is none, a half-written draft lies beside it


@contextmanager
def whole(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Return a temporary path that becomes `path` only if the block succeeds.

    Args:
        path: the file.
        private: it may name a patient: whatever the umask, only its owner reads it.

    Raises:
        ResourceError: the disk is full; nothing is left behind.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with disk_space(path):
            make_folder(path.parent, private=private)
            if private:
                draft.touch(mode=OWNER_FILE)  # before there is anything to read
            yield draft
            if private:
                draft.chmod(OWNER_FILE)  # a library may have made it anew
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Return an empty temporary folder that replaces `path` only if the block succeeds.

    Args:
        path: the folder.
        private: its files may name patients: whatever the umask, only their owner
            reads them.

    Raises:
        ResourceError: the disk is full; nothing is left behind.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with disk_space(path):
            make_folder(draft, private=private)
            yield draft
            if private:
                close_folder(draft)
            shutil.rmtree(path, ignore_errors=True)
            draft.replace(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def make_folder(path: Path, *, private: bool = False) -> None:
    """Make a folder and those above it; what is there stays as it is."""
    if not private:
        path.mkdir(parents=True, exist_ok=True)
        return
    missing = [place for place in (path, *path.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=OWNER_FOLDER, exist_ok=True)


def close_folder(path: Path) -> None:
    """Leave a folder, and all in it, to its owner alone."""
    path.chmod(OWNER_FOLDER)
    for below in path.rglob("*"):
        if not below.is_symlink():
            below.chmod(OWNER_FOLDER if below.is_dir() else OWNER_FILE)


def require_ours(folder: Path, names: Collection[str], *, where: str) -> None:
    """Refuse to replace a folder that holds what we did not make.

    Args:
        folder: named by a user, about to be replaced.
        names: of the files and folders that we would write there.
        where: the option that names it, for the message.

    Raises:
        DataError: something else is in it, or it is no folder.
    """
    if not folder.exists():
        return
    others = [folder.name]
    if folder.is_dir():
        others = sorted(path.name for path in folder.iterdir())
        others = [name for name in others if name not in names]
    if others:
        raise DataError(
            f"{where}: {folder} holds {len(others)} file(s) or folder(s) that are not "
            "ours and would be lost; name another folder"
        )


def remove_drafts(path: Path) -> None:
    """Remove what killed runs left of `path` and below it; its owner alone may ask."""
    beside = (left for left in path.parent.glob(".*.part") if _final(left) == path)
    for left in [*beside, *path.rglob(".*.part")]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


@contextmanager
def disk_space(path: Path) -> Iterator[None]:
    """Tell a full disk as what it is, for a block that writes to `path`.

    Raises:
        ResourceError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if not _is_full(error, path):
            raise
        raise ResourceError(
            f"no disk space left while writing {_final(path)}; free some and run "
            "again: finished work is kept"
        ) from error


def _is_full(error: OSError, path: Path) -> bool:
    """Tell a full disk, also where a library words the system's error anew."""
    reason: BaseException | None = error
    while isinstance(reason, OSError):
        if reason.errno is not None:
            return reason.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = reason.__cause__
    there = next(folder for folder in path.absolute().parents if folder.exists())
    return shutil.disk_usage(there).free < _NO_SPACE


def _final(path: Path) -> Path:
    """Name the file that a draft, or a file in one, would have become."""
    return Path(*(_DRAFT.sub(r"\1", part) for part in path.parts))


@contextmanager
def only_run(stage: str, *, folder: Path = WORK) -> Iterator[None]:
    """Hold this checkout's lock on `stage`: two runs would spoil each other's work.

    Or that of another folder which they would both write to. It falls with the
    process, however that ends.

    Raises:
        ResourceError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{stage}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResourceError(
                f"another '{stage}' runs in this checkout ({Path.cwd()}); wait until "
                "it ends, or work in another clone"
            ) from None
        yield


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file of text (UTF-8), whole or not at all; see `whole`."""
    with whole(path, private=private) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, private: bool = False) -> None:
    """Write `content` as readable JSON with stable key order; NaN is refused."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    write_text(path, text + "\n", private=private)


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_journal(path: Path) -> list[Any]:
    """Read the JSON lines of unfinished work; no file is none.

    A last line that a kill cut short is removed: it must not run into the next one.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    finished = content[: content.rfind(b"\n") + 1]
    os.truncate(path, len(finished))
    return [json.loads(line) for line in finished.splitlines()]


def sha256_file(path: Path) -> str:
    """Hash a file's bytes: 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(content: Any) -> str:
    """Hash plain values by their canonical JSON: 64 hex digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_folder(folder: Path) -> str:
    """Hash names and bytes of every file below `folder`: 64 hex digits."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return sha256_json(
        {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
    )


def work_folder(stage: str, *key: Any) -> Path:
    """Name the folder for unfinished work of `stage` on exactly these inputs.

    The caller removes it on success. Older keys of the same stage are stale: a changed
    input, parameter or code gives another folder.
    """
    return WORK / stage / sha256_json(key)[:16]
