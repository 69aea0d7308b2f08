"""
Registered versions of the model, and which of them is in use.

A bundle is registered once. Aliases say what a version is: `candidate` passed the gate,
`champion` reads the backlog, `previous` was champion before, `challenger` reads along
without delivery. Who decided is written to the history by the caller.
"""

import json
import logging
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, Schema

from cxrmlops.model.bundle import bundle_hash, read_card
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import descriptions
from cxrmlops.registry.service import (
    open_client,
    pointed,
    tracking_address,
    translated,
)
from cxrmlops.registry.wheel import write_wheel
from cxrmlops.system.errors import BundleError
from cxrmlops.system.files import WORK, whole_folder
from cxrmlops.vocabulary.scope import Scope

MODEL = "cxr-sigfind"
CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
CHALLENGER = "challenger"
BUNDLE_HASH = "cxr.bundle_hash"
SCOPE = "cxr.scope"
AGREEMENT = "cxr.agreement"  # then device and precision: how near fp32
PACKAGES = (  # what reading a film needs; exact versions are recorded
    "mlflow",
    "numpy",
    "pandas",
    "pillow",
    "pydicom",
    "pyjpegls",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "python-gdcm",
    "safetensors",
    "torch",
    "torchvision",
)
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "dicom_base64")]),
    outputs=Schema(
        [
            ColSpec("double", "probability", required=False),
            ColSpec("string", "answer_balanced", required=False),
            ColSpec("string", "answer_high_sensitivity", required=False),
            ColSpec("string", "reason", required=False),
        ]
    ),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Version:
    """A registered version."""

    number: str
    bundle_hash: str
    run_id: str
    aliases: tuple[str, ...]
    scope: Scope | None  # None: registered by an older installation


def register(
    bundle: Path,
    *,
    verdict: Verdict,
    run_id: str,
) -> tuple[Version, bool]:
    """Offer a bundle that passed its gates as candidate.

    Args:
        bundle: folder of the bundle.
        verdict: what the stage `gate` said about it.
        run_id: the training's MLflow run.

    Returns:
        The version, and whether it is new: the same bundle is registered once.

    Raises:
        BundleError: the gate refused it, or judged another bundle.
        ServiceError: MLflow did not answer; safe to repeat.
    """
    found, card = bundle_hash(bundle), read_card(bundle)
    require_passed(verdict, found)
    with translated():
        client = open_client()
        known = _search(client, found)
        if known is not None:
            return known, False
        run = client.get_run(run_id).info
        logged = _log_model(bundle, found, run_id)
        # the context above ended the run anew: its duration is the training's
        client.set_terminated(run_id, run.status, end_time=run.end_time)
        if not client.search_registered_models(f"name = '{MODEL}'"):
            client.create_registered_model(MODEL, description=descriptions.MODEL)
        made = client.create_model_version(
            MODEL,
            logged.model_uri,
            run_id=run_id,
            tags={BUNDLE_HASH: found, SCOPE: json.dumps(card.scope.to_json())}
            | {
                f"{AGREEMENT}.{one.device}.{one.precision}": one.told()
                for one in card.agreement
            },
            model_id=logged.model_id,
        )
        client.set_registered_model_alias(MODEL, CANDIDATE, made.version)
        return _version(client.get_model_version(MODEL, made.version)), True


def describe(version: Version, data: Path) -> None:
    """Write beside a version how good it is, what its gate said, and links to read on.

    Args:
        version: from `register`.
        data: folder of the stages' results, of that bundle.
    """
    with translated():
        client = open_client()
        text = descriptions.describe(
            data,
            experiment_id=client.get_run(version.run_id).info.experiment_id,
            run_id=version.run_id,
        )
        before = client.get_model_version(MODEL, version.number).description
        text = descriptions.keeping_notes(text, before)
        client.update_model_version(MODEL, version.number, text)


def get(alias_or_number: str) -> Version:
    """Find a version by alias or number.

    Raises:
        BundleError: there is none.
    """
    with translated():
        found = _all(open_client())
    for one in found:
        if alias_or_number == one.number or alias_or_number in one.aliases:
            return one
    raise BundleError(
        f"no version of {MODEL} is '{alias_or_number}'; registered: "
        f"{', '.join(map(_named, found)) or 'none'}; name one of these, or run the "
        "training flow"
    )


def with_alias(alias: str) -> Version | None:
    """Find the version with an alias, if there is one."""
    with translated():
        return _alias(open_client(), alias)


def find(bundle_hash: str) -> Version | None:
    """Find the version of a bundle by its hash or the first digits of it, if any."""
    with translated():
        return _search(open_client(), bundle_hash)


def promote(version: Version, *, name: str, reason: str) -> Version:
    """Put a version in use; the champion before becomes `previous`.

    Again after a kill it finishes what was begun.

    Args:
        version: from `get`.
        name: who decided, shown beside the version.
        reason: why.
    """
    with translated():
        client = open_client()
        champion = _alias(client, CHAMPION)
        if champion is not None and champion.number != version.number:
            client.set_registered_model_alias(MODEL, PREVIOUS, champion.number)
        elif PREVIOUS in version.aliases:
            client.delete_registered_model_alias(MODEL, PREVIOUS)
        _sign(client, version.number, name, reason)
        client.set_registered_model_alias(MODEL, CHAMPION, version.number)
        for alias in {CANDIDATE, CHALLENGER} & set(version.aliases):
            client.delete_registered_model_alias(MODEL, alias)
    return get(version.number)


def set_alias(alias: str, version: Version | None) -> None:
    """Show beside a version what it is; None: no version is."""
    with translated():
        client = open_client()
        if version is not None:
            client.set_registered_model_alias(MODEL, alias, version.number)
        elif _alias(client, alias) is not None:
            client.delete_registered_model_alias(MODEL, alias)


def roll_back(*, name: str, reason: str) -> Version:
    """Put the champion before back in use.

    The one that is taken out keeps no alias: a second roll back must not bring it back.

    Raises:
        BundleError: there is no champion before.
    """
    before = get(PREVIOUS)
    with translated():
        client = open_client()
        _sign(client, before.number, name, reason)
        client.set_registered_model_alias(MODEL, CHAMPION, before.number)
        client.delete_registered_model_alias(MODEL, PREVIOUS)
    return get(before.number)


def fetch_bundle(version: Version, *, cache: Path = WORK / "models") -> Path:
    """Return a folder with the bundle of a version; fetched once, checked every time.

    Raises:
        BundleError: what came is not what was registered.
    """
    folder = cache / version.bundle_hash
    if folder.is_dir() and bundle_hash(folder) == version.bundle_hash:
        return folder
    with translated(), tempfile.TemporaryDirectory() as draft:
        came = Path(
            mlflow.artifacts.download_artifacts(
                f"models:/{MODEL}/{version.number}/artifacts",
                dst_path=draft,
                tracking_uri=tracking_address(),
                registry_uri=tracking_address(),
            )
        )
        (inside,) = came.iterdir()  # named like the folder that was registered
        if bundle_hash(inside) != version.bundle_hash:
            raise BundleError(
                f"version {version.number} of {MODEL} was changed in the store after "
                "it was registered; roll back, and register a sound one"
            )
        with whole_folder(folder) as whole:
            shutil.copytree(inside, whole, dirs_exist_ok=True)
    return folder


def require_passed(verdict: Verdict, found: str) -> None:
    """Refuse a bundle that did not pass the gate, or was not judged (BundleError)."""
    if verdict.bundle_hash != found:
        raise BundleError(
            f"the gate judged bundle {verdict.bundle_hash[:12]}, this one is "
            f"{found[:12]}; run: dvc repro gate"
        )
    if verdict.outcome == "not assessed":
        raise BundleError(
            "the gate could not assess enough of this model, so it is not registered: "
            + "; ".join(verdict.reasons)
            + "; enlarge the test set, or set gate.max_not_assessed with a reason"
        )
    if not verdict.passed:
        raise BundleError(
            "the gate refused this model, so it is not registered: "
            + "; ".join(verdict.reasons)
        )


def _log_model(bundle: Path, found: str, run_id: str) -> ModelInfo:
    with (
        tempfile.TemporaryDirectory() as draft,
        pointed(),
        mlflow.start_run(run_id=run_id),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", module="mlflow")  # a film as an example?
        wheel = write_wheel(Path(draft))
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts={"bundle": bundle.absolute().as_uri()},
            code_paths=[str(wheel)],
            pip_requirements=[
                f"code/{wheel.name}",
                *(f"{name}=={installed(name)}" for name in PACKAGES),
            ],
            signature=SIGNATURE,
            metadata={"bundle_hash": found},
        )


def _sign(client: MlflowClient, number: str, name: str, reason: str) -> None:
    client.set_model_version_tag(MODEL, number, "cxr.decided_by", name)
    client.set_model_version_tag(MODEL, number, "cxr.decided_because", reason)


def _all(client: MlflowClient) -> list[Version]:
    found = client.search_model_versions(f"name = '{MODEL}'")
    return [_version(client.get_model_version(MODEL, one.version)) for one in found]


def _alias(client: MlflowClient, alias: str) -> Version | None:
    return next((one for one in _all(client) if alias in one.aliases), None)


def _search(client: MlflowClient, found: str) -> Version | None:
    return next((v for v in _all(client) if v.bundle_hash.startswith(found)), None)


def _version(one: ModelVersion) -> Version:
    frozen = one.tags.get(SCOPE)
    return Version(
        number=str(one.version),
        bundle_hash=one.tags.get(BUNDLE_HASH, ""),
        run_id=str(one.run_id),
        aliases=tuple(sorted(one.aliases)),
        scope=Scope.from_json(json.loads(frozen)) if frozen else None,
    )


def _named(one: Version) -> str:
    return " ".join([one.number, *(f"({alias})" for alias in one.aliases)])
