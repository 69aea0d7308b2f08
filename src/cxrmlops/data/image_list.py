"""
The files of a film folder, as the file system tells them.

No table library here: `dvc repro` asks every time whether anything moved, and the
answer must not cost an import of pandas.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cxrmlops.system.errors import DataError

_ESCAPED = re.compile(r"\\udc([89a-f][0-9a-f])")


@dataclass(frozen=True)
class ListedImage:
    """One file below the film folder."""

    path: str  # relative, "/" between folders; see `to_open`
    bytes: int
    mtime_ns: int  # since 1970
    named: bool = True  # False: the name is not UTF-8, so no table can hold it


def list_images(folder: Path, *, skip: Iterable[Path] = ()) -> list[ListedImage]:
    """List every regular file below `folder`, sorted by path.

    Links are followed, each folder once. A link that leads nowhere is listed with 0
    bytes: it is a film somebody expects to be there.

    Args:
        folder: site.yaml: films.
        skip: files that lie there and are no films, e.g. the report table.

    Raises:
        DataError: no such folder, or a part of it cannot be read.
    """
    if not folder.is_dir():
        raise DataError(
            f"site.yaml: films: there is no folder {folder} here ({Path.cwd()}); "
            "name the folder that holds the films, or run: cxrmlops init FOLDER"
        )
    closed: list[str] = []
    images = sorted(_walk(folder, skip, closed), key=lambda image: image.path)
    if closed:
        raise DataError(
            f"site.yaml: films: {len(closed)} folder(s) below {folder} cannot be read "
            "by this user; grant the right to read, then run again"
        )
    return images


def to_open(shown: Path) -> Path:
    """Return the path to open for one that `list_images` showed.

    A name that is not UTF-8 (from an old CD, say) is shown with each odd byte written
    as `udcXX` behind a backslash, which every table and page can hold.
    """
    if not _ESCAPED.search(str(shown)) or os.path.lexists(shown):
        return shown
    return Path(_ESCAPED.sub(lambda byte: chr(int("dc" + byte[1], 16)), str(shown)))


def read_include(path: Path | None) -> frozenset[str] | None:
    """Read the names that a cohort is restricted to; None takes every film.

    One name per line: a path below the film folder, or a bare file name. Empty lines
    and lines that start with "#" are skipped.

    Raises:
        DataError: no such file, not text, or no name in it.
    """
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(
            f"site.yaml: include: there is no file {path}; name a text file with one "
            "film's name per line, or set include: null"
        ) from None
    except UnicodeDecodeError:
        raise DataError(
            f"site.yaml: include: {path} is not UTF-8 text; write one film's name per "
            "line"
        ) from None
    names = (line.strip() for line in lines)
    listed = frozenset(name for name in names if name and not name.startswith("#"))
    if not listed:
        raise DataError(
            f"site.yaml: include: {path} names no film; write one film's name per "
            "line, or set include: null"
        )
    return listed


def is_listed(path: str, include: frozenset[str] | None) -> bool:
    """Return whether the film at `path` is one of those asked for."""
    return include is None or path in include or path.rpartition("/")[2] in include


def _walk(top: Path, skip: Iterable[Path], closed: list[str]) -> Iterator[ListedImage]:
    seen = {_place(path.stat()) for path in [top, *skip] if path.exists()}
    waiting = [(str(top), "")]
    while waiting:
        folder, below = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except PermissionError:
            closed.append(below)
            continue
        for entry in entries:
            path = below + entry.name
            state = _state(entry)
            if state is None:  # a link that leads nowhere
                yield _image(path, 0, 0)
            elif stat.S_ISDIR(state.st_mode):
                if _place(state) not in seen:
                    seen.add(_place(state))
                    waiting.append((entry.path, path + "/"))
            elif stat.S_ISREG(state.st_mode) and _place(state) not in seen:
                yield _image(path, state.st_size, state.st_mtime_ns)


def _state(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None


def _place(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _image(path: str, size: int, mtime_ns: int) -> ListedImage:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        return ListedImage(shown, size, mtime_ns, named=False)
    return ListedImage(path, size, mtime_ns)
