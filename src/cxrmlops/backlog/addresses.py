"""Where images come from and where results go: two addresses, and which may be one.

In shadow nothing may reach the archive that images come from, whatever the settings
say. Two addresses are taken for one archive in case of doubt: same host and port, or
same host over two protocols, for nobody can tell those apart from here.
"""

import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cxrmlops.system.errors import ParamsError
from cxrmlops.vocabulary.rollout import NOWHERE, Rollout

SOURCE, RESULTS = "CXR_ARCHIVE", "CXR_RESULTS_ARCHIVE"
_PORTS = {"http": 80, "https": 443}


def source_address(configured: str) -> str:
    """Return where images come from: CXR_ARCHIVE, else `site.yaml: archive`."""
    return os.environ.get(SOURCE) or configured


def results_address(archive: str, results: str | None, rollout: Rollout) -> str:
    """Return where results go, or `NOWHERE`.

    Without an address of their own they go where images come from; in shadow only into
    a folder, which gives no images, and otherwise nowhere.

    Args:
        archive: `site.yaml: archive`.
        results: `site.yaml: results_archive`.
        rollout: stage of the site.

    Raises:
        ParamsError: in shadow, both addresses are, or may be, one archive.
    """
    source = source_address(archive)
    named = results_named(results)
    if rollout is not Rollout.SHADOW:
        return named or source
    if not named:
        return source if _is_folder(source) else NOWHERE
    _require_elsewhere(named, source)
    return named


def results_named(configured: str | None) -> str | None:
    """Return the address of results by itself, if one is set."""
    return os.environ.get(RESULTS) or configured


def _require_elsewhere(named: str, source: str) -> None:
    """Refuse, in shadow, an address of results that may be the images' archive."""
    if _is_folder(source) or _is_folder(named):
        return  # a folder gives no images: it is nobody's archive of images
    one, two = _place(named), _place(source)
    if _hosts(one[1]) & _hosts(two[1]) and (one[0] != two[0] or one[2] == two[2]):
        raise ParamsError(
            f"in shadow nothing is written where images come from, and {RESULTS} (or "
            f"site.yaml: results_archive) is, or may be, the archive of {SOURCE}; name "
            "a folder or an archive on another host, or none: then results stay here"
        )


def _is_folder(address: str) -> bool:
    return address.partition(":")[0] == "folder"


def _place(address: str) -> tuple[str, str, int | None]:
    """Return kind, host and port."""
    kind, _, where = address.partition(":")
    try:
        parts = urlsplit(where if "://" in where else f"//{where}")
        return kind, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        raise ParamsError(
            f"an archive's address in {SOURCE}, {RESULTS} or site.yaml names no host "
            "and port; see docs/how-to/archive.md"
        ) from None


def _hosts(name: str) -> set[str]:
    """Return a host's name and every address that it has, as far as they are known."""
    found = _resolved(name)
    ours = _resolved(socket.gethostname())
    is_here = found & ours or any(ip_address(one).is_loopback for one in found)
    return {name, *found, *(["this machine"] if is_here else [])}


def _resolved(name: str) -> set[str]:
    try:
        found = socket.getaddrinfo(name or None, None)
    except OSError:  # it does not answer either, then
        return set()
    return {str(one[4][0]).partition("%")[0] for one in found}


def shown(address: str) -> str:
    """Return an archive's address without user and password."""
    return re.sub(r"//[^/@]*@", "//", address)


def folder_of(address: str) -> Path | None:
    """Return the folder of a folder's address; None: it is another kind."""
    kind, _, where = address.partition(":")
    return Path(where) if kind == "folder" and where else None
