"""Checks of what the line talks to: ledger, MLflow, Prefect, archive."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cxrmlops.backlog.addresses import results_address, shown, source_address
from cxrmlops.backlog.database import sqlite_file
from cxrmlops.backlog.delivery import open_archive
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.operations.finding import Finding, broken, note, well
from cxrmlops.params import load_site
from cxrmlops.promotion.approval_log import entries
from cxrmlops.promotion.rollout_log import stage_of
from cxrmlops.system.http_question import NoAnswerError, get, without_login
from cxrmlops.system.sqlite_copy import read_only
from cxrmlops.vocabulary.rollout import FIRST, NOWHERE

LEDGER, MLFLOW, PREFECT, ARCHIVE = "ledger", "mlflow", "prefect", "archive"
ROLLOUT = "roll-out"
POOL, NIGHTLY = "cxr", "score/nightly"  # as in prefect.yaml
MLFLOW_FILE = Path("mlflow.db")


def check_ledger() -> Finding:
    """Look whether the ledger answers, and whether its tables are those of today."""
    level = read_level()
    if level.revision is None:
        said = f"{level.place} has no ledger yet"
        return note(LEDGER, said, "nothing: the first night makes it")
    if level.is_newer:
        return broken(
            LEDGER,
            f"{level.place} has revision {level.revision}, made by a newer cxrmlops",
            "install that version, or set CXR_LEDGER_URL to another place",
        )
    if not level.is_current:
        return note(
            LEDGER,
            f"{level.place} has revision {level.revision}; the next command that opens "
            f"it makes that {level.newest}",
            "cxrmlops backup FOLDER, before",
        )
    return well(LEDGER, f"{level.place} answers, revision {level.revision}")


def check_mlflow() -> Finding:
    """Ask MLflow's server whether it is well; without a server, look at its file."""
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address.startswith("http"):
        return _mlflow_file(address)
    where = without_login(address)
    try:
        get(f"{address.rstrip('/')}/health", headers=_mlflow_login())
    except NoAnswerError as error:
        return broken(
            MLFLOW,
            f"{where} does not answer ({error})",
            "start it (docs/how-to/servers.md), or correct MLFLOW_TRACKING_URI",
        )
    return well(MLFLOW, f"{where} answers")


def check_prefect() -> Finding:
    """Ask Prefect whether the night is scheduled and somebody would run it."""
    address = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if not address:
        return note(
            PREFECT,
            "no server is named: nothing starts by itself, each run brings its own",
            "set PREFECT_API_URL, or start python -m flows.score from cron",
        )
    where, login = without_login(address), _prefect_login()
    try:
        get(f"{address}/health", headers=login)
    except NoAnswerError as error:
        return broken(
            PREFECT,
            f"{where} does not answer ({error})",
            "start it (docs/how-to/servers.md), or correct PREFECT_API_URL",
        )
    deployment = _maybe(f"{address}/deployments/name/{quote(NIGHTLY)}", login)
    pool = _maybe(f"{address}/work_pools/{POOL}", login)
    return _scheduled(where, deployment, pool)


def check_archive() -> Finding:
    """Ask the archive for what a night needs: QIDO, an association, or a folder."""
    return _archive(ARCHIVE, source_address(load_site().archive))


def check_rollout() -> Finding:
    """Say the stage of this site and where results go, and try that place, too."""
    level = read_level()
    if level.revision is not None and not level.is_current:
        said = f"not looked at: the ledger has revision {level.revision}"
        return note(ROLLOUT, said, "see: ledger")
    site = load_site()
    stage = stage_of(entries()) if level.is_current else FIRST
    source = source_address(site.archive)
    target = results_address(site.archive, site.results_archive, stage)
    said = f"stage {stage}, results go to {shown(target)}"
    if target in (source, NOWHERE):
        return well(ROLLOUT, said)
    found = _archive(ROLLOUT, target, source=source)
    return replace(found, said=f"{said}: {found.said}")


def _mlflow_file(address: str) -> Finding:
    kind, _, rest = address.partition(":///")
    if address and kind != "sqlite":
        return note(
            MLFLOW,
            f"a {kind[:20]} address is used without a server; not looked at",
            "set MLFLOW_TRACKING_URI to a server's http address",
        )
    path = Path(rest) if rest else MLFLOW_FILE
    try:
        with closing(read_only(path)) as file:
            file.execute("SELECT version_num FROM alembic_version").fetchone()
    except FileNotFoundError:
        said = f"{path} is not there yet"
        return note(MLFLOW, said, "nothing: the first training makes it")
    except sqlite3.Error as error:
        return broken(
            MLFLOW,
            f"{path} cannot be read as MLflow's database ({error})",
            "see who may read it; put a backup back: cxrmlops restore FOLDER",
        )
    return well(MLFLOW, f"{path} can be read")


def _mlflow_login() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _prefect_login() -> dict[str, str]:
    key = os.environ.get("PREFECT_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _maybe(address: str, login: Mapping[str, str]) -> dict[str, Any]:
    """Ask for a thing that need not be there."""
    try:
        found = get(address, headers=login)
    except NoAnswerError:
        return {}
    return found if isinstance(found, dict) else {}


def _scheduled(
    where: str, deployment: Mapping[str, Any], pool: Mapping[str, Any]
) -> Finding:
    if not deployment:
        return broken(
            PREFECT,
            f"{where} answers, and does not know the deployment {NIGHTLY}",
            "prefect --no-prompt deploy --all, in this folder",
        )
    schedules = deployment.get("schedules") or []
    is_on = any(one.get("active") for one in schedules)
    if deployment.get("paused") or not is_on:
        return note(
            PREFECT,
            f"{where} answers; the schedule of {NIGHTLY} is switched off",
            f"prefect deployment schedule resume {NIGHTLY}",
        )
    if pool.get("status") != "READY":
        return broken(
            PREFECT,
            f"{where} answers; nobody works for the pool {POOL}: a night would be late",
            f"prefect worker start --pool {POOL}, in this folder",
        )
    return well(PREFECT, f"{where} answers, the night is scheduled, a worker waits")


def _archive(name: str, address: str, *, source: str | None = None) -> Finding:
    archive = open_archive(address, source=source)
    kind, _, where = address.partition(":")
    if kind == "folder":
        return _archive_folder(name, Path(where))
    archive.check()
    return well(name, f"{kind} archive {getattr(archive, 'where', '')} answers")


def _archive_folder(name: str, path: Path) -> Finding:
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return broken(
            name,
            f"this user cannot write to {there}",
            "give the service's account the right to, or correct the address",
        )
    made = "is there" if path.exists() else "is made when something is stored"
    return well(name, f"folder {path} {made}")


def ledger_file() -> Path | None:
    """Name the ledger's file; None: it is on a server, or not there yet."""
    path = sqlite_file()
    return path if path.exists() else None
