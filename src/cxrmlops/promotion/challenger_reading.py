"""
The challenger reads what the champion has read: its answers are kept, never delivered.

It works in a process of its own (`cxrmlops challenger --read`), after the night's
deliveries: whatever becomes of it, the night is whole. Two at once do the same work
twice and store the same answers.
"""

import logging
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxrmlops.backlog import audit, challenges
from cxrmlops.backlog.challenges import Challenge
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.leases import Chunk
from cxrmlops.backlog.results import subjects
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.model.bundle import require_preprocessing
from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.params import Params, Site, scope_of
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.opinions import opinions_of, rejection
from cxrmlops.promotion.rollout_log import challenger_of
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from cxrmlops.registry import versions
from cxrmlops.stages import score
from cxrmlops.system.clock import now
from cxrmlops.system.errors import BundleError
from cxrmlops.system.files import WORK, only_run
from cxrmlops.vocabulary.scope import require_scope

OUT = WORK / "challenger"
GONE = "its images are gone"
CHANGED = "its images have changed since the model in use read them"

log = logging.getLogger(__name__)


def read_waiting(params: Params, site: Site) -> str:
    """Let the challenger read every study that waits for it; say so in counts.

    Raises:
        BundleError: there is no challenger, or its version is gone.
        ResourceError: another process of this checkout does so.
        ServiceError: ledger or MLflow does not answer; safe to repeat.
    """
    with only_run("challenger"):
        found = challenger_of(approval_log.entries())
        version = versions.find(found) if found else None
        if version is None:
            raise BundleError(
                "no version reads along, or MLflow does not know it any more; choose "
                "one: cxrmlops challenger VERSION"
            )
        bundle, engine = versions.fetch_bundle(version), open_database()
        _require_use(bundle, params, site)
        with audit.activity(version.bundle_hash):
            while taken := challenges.take(
                engine,
                bundle_hash=version.bundle_hash,
                size=params.score.chunk_studies,
            ):
                _read(engine, taken, bundle, params, site)
        told = challenges.told(challenges.counts(engine, version.bundle_hash))
        return f"challenger version {version.number}: {told}"


def _require_use(bundle: Path, params: Params, site: Site) -> None:
    """See that the bundle works here, before a study counts as tried."""
    card = open_reader(bundle, **params.score.reading).bundle.card
    require_preprocessing(card, preprocessing_hash(size=card.size))
    require_scope(card.name, card.scope, scope_of(params.cohort, site))


def _read(
    engine: Any,
    taken: Sequence[Challenge],
    bundle: Path,
    params: Params,
    site: Site,
) -> None:
    """Read studies together, and store what was said of each."""
    there = [one for one in taken if _lie(one, site.backlog)]
    for one in taken:
        if one not in there:
            challenges.give_up(engine, one.number, GONE)
    if not there:
        return
    out = OUT / secrets.token_hex(8)
    chunk = _chunk(there, bundle, site)
    said = audit.images_read(subjects(engine, chunk), source=str(site.backlog))
    audit.record(said)
    try:
        score.run(
            paths=[_path(site, place) for one in there for place in one.study.places],
            bundle=bundle,
            out=out,
            params=params.score,
            scope=scope_of(params.cohort, site),
            started=now(site.time_zone),
        )
        _store(engine, there, out, site)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _lie(one: Challenge, backlog: Path) -> bool:
    return all((backlog / place).exists() for place in one.study.places)


def _chunk(there: Sequence[Challenge], bundle: Path, site: Site) -> Chunk:
    """Put studies into the form that the audit asks for; nobody holds a lease."""
    return Chunk(
        id="",
        model_key=bundle.name,  # a fetched bundle's folder bears its hash
        started=now(site.time_zone).isoformat(),
        owner="",
        lease_seconds=0.0,
        studies=tuple(one.study for one in there),
    )


def _path(site: Site, place: str) -> Path:
    return (site.backlog / place).absolute()


def _store(engine: Any, there: Sequence[Challenge], out: Path, site: Site) -> None:
    found, rows = opinions_of(SCORED_STUDIES.read(out)), SCORED_IMAGES.read(out)
    for one in there:
        paths = [str(_path(site, place)) for place in one.study.places]
        mine = rows[rows.path.isin(paths)]
        if _differs(mine, one):
            challenges.give_up(engine, one.number, CHANGED)
            continue
        why = "|".join(sorted(set(mine.reason))) or "unreadable"
        opinion = found.get(one.study.study_uid, rejection(why))
        challenges.note(engine, one.number, opinion)


def _differs(mine: pd.DataFrame, one: Challenge) -> bool:
    """Return whether the files are others than the champion's; unknown: no."""
    known, read = set(one.contents), set(mine.content)
    is_known = all(len(content) == 64 for content in (*known, *read))
    return bool(known) and is_known and known != read
