"""From a report to the night, the model, the decision, the code and the data behind it.

Nobody is named: a study appears by the ledger's own number.
"""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.provenance import Origin, find_origin
from cxrmlops.dicom.results.provenance import Provenance, read_provenance
from cxrmlops.promotion import approval_log
from cxrmlops.registry import facts, versions
from cxrmlops.registry.versions import Version
from cxrmlops.system.errors import DataError, ParamsError, ServiceError

UID = re.compile(r"[0-9]+(\.[0-9]+)+")
HASH = re.compile(r"[0-9a-f]{8,64}")
Link = dict[str, Any]  # name -> plain value


@dataclass
class Trace:
    """The links that were found, in the order of the chain, and those that were not."""

    links: dict[str, Link] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)  # one sentence each

    def lines(self) -> list[str]:
        """Return one line per fact, for people."""
        told = [
            f"{name:<12}{key.replace('_', ' ')}: {value}"
            for name, link in self.links.items()
            for key, value in link.items()
            if value != ""
        ]
        return told + [f"{'missing':<12}{sentence}" for sentence in self.missing]


def follow(asked: str) -> Trace:
    """Follow the chain from one object or model as far as it goes.

    Args:
        asked: file of a report or overlay, its SOP Instance UID, or a bundle's hash or
            the first 8 or more digits of one.

    Raises:
        DataError: nothing is known of it.
        ParamsError: it is none of these.
    """
    trace = Trace()
    said = read_provenance(Path(asked)) if Path(asked).is_file() else None
    uid, bundle = _keys(asked, said)
    if said is not None:
        trace.links["object"] = _without_uid(said)
    origin = _origin(uid, trace) if uid else None
    bundle = _bundle(bundle, origin, trace)
    if bundle:
        _model(bundle, trace)
    if not trace.links:
        raise DataError(f"nothing leads on from there: {'; '.join(trace.missing)}")
    return trace


def _keys(asked: str, said: Provenance | None) -> tuple[str, str]:
    """Return the object's UID and the bundle's hash, as far as they are known."""
    if said is not None:
        return said.sop_instance_uid, said.bundle_hash
    if HASH.fullmatch(asked.lower()):
        return "", asked.lower()
    if UID.fullmatch(asked):
        return asked, ""
    raise ParamsError(
        "what to trace is no file here, no UID, and no hash of a bundle (8 digits or "
        "more); name a report, its SOP Instance UID, or a bundle"
    )


def _without_uid(said: Provenance) -> Link:
    """Leave the object's own UID out: it leads to a patient."""
    return {k: v for k, v in asdict(said).items() if k != "sop_instance_uid"}


def _origin(uid: str, trace: Trace) -> Origin | None:
    try:
        origin = find_origin(open_database(), uid)
    except ServiceError as error:
        trace.missing.append(f"scoring: {error}")
        return None
    if origin is None:
        trace.missing.append(
            "scoring: this ledger (CXR_LEDGER_URL, or ./ledger.db) does not know the "
            "object; it was made by hand, or belongs to another ledger"
        )
        return None
    trace.links["scoring"] = asdict(origin)
    return origin


def _bundle(said: str, origin: Origin | None, trace: Trace) -> str:
    """Name the bundle; the object and the ledger must agree."""
    if origin is None:
        return said
    known = origin.model_key.rpartition("|")[2]
    if not known.startswith(said):
        trace.missing.append(
            f"agreement: the object names bundle {said[:12]}, the ledger {known[:12]}; "
            "one of them was changed"
        )
    return known


def _model(bundle: str, trace: Trace) -> None:
    """Add version, decisions and training of a bundle."""
    try:
        version = versions.find(bundle)
        if version is None:
            trace.missing.append(
                f"version: bundle {bundle[:12]} is not registered in this MLflow "
                "(MLFLOW_TRACKING_URI, or ./mlflow.db)"
            )
        else:
            bundle = version.bundle_hash
            _add_version(version, trace)
    except ServiceError as error:
        trace.missing.append(f"version: {error}")
    _add_decisions(bundle, trace)


def _add_version(version: Version, trace: Trace) -> None:
    trace.links["version"] = {
        "number": version.number,
        "aliases": ", ".join(version.aliases),
        "bundle_hash": version.bundle_hash,
    }
    training = facts.training_of(version.run_id)
    if not training.run_id:
        trace.missing.append("training: the version names no MLflow run, or it is gone")
        return
    trace.links["training"] = {
        "mlflow_run": training.run_id,
        "name": training.name,
        "started": training.started,
    }
    _add_lineage(training, trace)


def _add_lineage(training: facts.Training, trace: Trace) -> None:
    tags = training.tags
    data = {
        name.removeprefix(facts.DVC): value
        for name, value in sorted(tags.items())
        if name.startswith(facts.DVC)
    }
    environment = tags.get(facts.ENVIRONMENT, "")
    found = {
        "code": {
            "git_commit": training.commit,
            "uncommitted_changes": tags.get(facts.DIRTY, ""),
        }
        | ({"committed_later_as": later} if (later := training.found_in) else {}),
        "data": data,
        "environment": {
            "sha256": environment,
            "listed_in": "environment.txt of the run",
        }
        if environment
        else {},
    }
    for name, link in found.items():
        if any(value not in ("", "unknown") for value in link.values()):
            trace.links[name] = link
        else:
            trace.missing.append(f"{name}: the run has no word of it")


def _add_decisions(bundle: str, trace: Trace) -> None:
    try:
        rows = [row for row in approval_log.entries() if row.bundle_hash == bundle]
    except ServiceError as error:
        trace.missing.append(f"decisions: {error}")
        return
    if rows:
        trace.links["decisions"] = {
            f"{row.number}, {row.at}": f"{row.event} by {row.name}: {row.reason}"
            for row in rows
        }
    else:
        trace.missing.append("decisions: nobody has decided about this bundle here")
