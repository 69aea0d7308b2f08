"""The OHIF viewer's built pages, from the package that its makers publish on npm."""

import os
import shutil
import tarfile
from pathlib import Path

import pooch

from cxrmlops.system.errors import ServiceError
from cxrmlops.system.files import whole_folder

VERSION = "3.13.2"
SHA512 = (
    "5997719a9986eeba85816f5924b71b82bdd70ad2e2d4a0cd3e831a798e4f3dee"
    "a3e06e1f8c48e393271933a0ba664d85f3b04ac457e9abe8dde715d907d13c10"
)
_REGISTRY = "NPM_CONFIG_REGISTRY"
_PAGES = "package/dist/"


def fetch_viewer(folder: Path, *, cache: Path) -> bool:
    """Put OHIF's pages into `folder`, unless this version is there.

    Args:
        folder: to be made, or replaced where it holds another version.
        cache: where the package is kept (48 MB); a site without a network puts it
            there by hand.

    Returns:
        Whether it was put there.

    Raises:
        ServiceError: the package cannot be fetched, or is not what was published.
    """
    mark = folder / ".version"
    if mark.exists() and mark.read_text("utf-8") == VERSION:
        return False
    registry = os.environ.get(_REGISTRY, "https://registry.npmjs.org").rstrip("/")
    name = f"app-{VERSION}.tgz"
    try:
        package = pooch.retrieve(
            f"{registry}/@ohif/app/-/{name}",
            known_hash=f"sha512:{SHA512}",
            fname=name,
            path=cache,
        )
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"OHIF {VERSION} could not be fetched from {registry} "
            f"({type(error).__name__}); put its npm package as {cache / name}, or set "
            f"{_REGISTRY} to a registry that is reached from here"
        ) from error
    with whole_folder(folder) as draft:
        draft.mkdir(parents=True, exist_ok=True)
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and member.name.startswith(_PAGES):
                    _extract(archive, member, draft)
        (draft / mark.name).write_text(VERSION, "utf-8")
    return True


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    # extract(filter="data") came with Python 3.11.4, and Debian 12 brings 3.11.2
    target = folder / member.name.removeprefix(_PAGES)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise ServiceError(f"{member.name} of OHIF's package leaves its folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(archive.extractfile(member), file)  # type: ignore[arg-type]
