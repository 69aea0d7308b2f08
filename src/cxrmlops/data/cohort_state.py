"""
What the last cohort was made from, so that an unchanged one costs nothing.

Films lie outside DVC, so `dvc repro` runs `cohort` every time. No table library here:
see image_list.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrmlops.data.image_list import ListedImage, list_images, read_include
from cxrmlops.dicom.identity import key_fingerprint, pseudonym_key
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.stage_code import stage_code_hash
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import sha256_file, sha256_json

log = logging.getLogger(__name__)

SUMMARY = "exclusions.json"
SCOPE = "scope.json"  # what the images were accepted by
DECISIONS = "decisions.parquet"  # as tables.DECISIONS has it
PATHS = "candidate_paths.parquet"  # as tables.CANDIDATE_PATHS has it
FILES = (
    SUMMARY,
    "candidates.parquet",
    "flow.svg",
    "images.parquet",
    "reports.parquet",
    SCOPE,
)

# The settings that a cohort depends on: the keys that dvc.yaml names.
SITE_KEYS = (
    *("source", "films", "reports", "include", "decisions", "chest_words", "name"),
)


@dataclass(frozen=True)
class CohortState:
    """Everything a cohort is made from, at one moment."""

    images: tuple[ListedImage, ...]
    include: frozenset[str] | None
    key: bytes  # of the pseudonyms
    key_fingerprint: str
    code: str
    fingerprint: str  # of all of it


def take_state(params: Mapping[str, Any], site: Mapping[str, Any]) -> CohortState:
    """Look at the films, the reports, the settings, the key and our own code.

    Args:
        params: params.yaml: cohort, as plain values.
        site: site.yaml as plain values; only `SITE_KEYS` count.

    Raises:
        DataError: films or reports are not there.
    """
    reports = Path(site["reports"])
    images = tuple(list_images(Path(site["films"]), skip=[reports]))
    if not reports.exists():
        raise DataError(
            f"site.yaml: reports: there is nothing at {reports} ({Path.cwd()}); name "
            "the report table, or run: cxrmlops init FOLDER --reports FILE"
        )
    listed = site["include"] and Path(site["include"])
    include = read_include(listed)
    key = pseudonym_key()
    code = stage_code_hash("cohort")
    parts = {
        "images": _images_hash(images),
        "reports": _reports_hash(reports),
        "decisions": _decisions_hash(site["decisions"]),
        "include": sorted(include) if include is not None else None,
        "params": dict(params),
        "site": {name: site[name] for name in SITE_KEYS},
        "key": key_fingerprint(key),
        "code": code,
    }
    return CohortState(
        images=images,
        include=include,
        key=key,
        key_fingerprint=key_fingerprint(key),
        code=code,
        fingerprint=sha256_json(parts),
    )


def is_unchanged(out: Path, params: Mapping[str, Any], site: Mapping[str, Any]) -> bool:
    """Tell, and log, that the cohort in `out` was made from what is there now."""
    return is_made_from(out, take_state(params, site))


def is_made_from(out: Path, state: CohortState) -> bool:
    """Tell, and log, that the cohort in `out` was made from `state`.

    Raises:
        DataError: the cohort in `out` was made with another pseudonym key, so its
            patients could not be told from the new ones.
    """
    try:
        last = CohortSummary.read(out / SUMMARY)
    except DataError:
        return False
    if last.key_fingerprint != state.key_fingerprint:
        raise DataError(
            f"{out} was made with another pseudonym key ({last.key_fingerprint}, now "
            f"{state.key_fingerprint}): set CXR_PSEUDONYM_KEY to the former key, or "
            f"remove {out} to start again with new pseudonyms"
        )
    if last.fingerprint != state.fingerprint or not _is_whole(out):
        return False
    log.info("cohort: unchanged, %d films", last.included)
    return True


def _is_whole(out: Path) -> bool:
    paths = out.with_name("local") / PATHS  # as tables.beside has it
    return paths.is_file() and all((out / name).is_file() for name in FILES)


def _images_hash(images: Iterable[ListedImage]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.path}\0{image.bytes}\0{image.mtime_ns}\n".encode())
    return digest.hexdigest()


def _decisions_hash(folder: str | None) -> str | None:
    if folder is None:
        return None
    path = Path(folder) / DECISIONS
    if not path.exists():
        raise DataError(
            f"site.yaml: decisions: {path} is missing; run `cxrmlops adjudicate`, or "
            "set decisions: null"
        )
    return sha256_file(path)


def _reports_hash(reports: Path) -> str:
    return (
        _images_hash(list_images(reports)) if reports.is_dir() else sha256_file(reports)
    )
