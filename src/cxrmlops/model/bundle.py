"""A model at rest: weights, how to read their answer, and where they come from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from cxrmlops.model.agreement import Agreement
from cxrmlops.model.arrays import read_arrays
from cxrmlops.model.ensemble import Network, joined
from cxrmlops.model.network import load_network
from cxrmlops.model.pretrained import of_member
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.system.errors import BundleError, LeakError, ParamsError
from cxrmlops.system.files import sha256_file, sha256_folder, whole_folder
from cxrmlops.system.files import write_json as _write_json
from cxrmlops.vocabulary.findings import OperatingPoint
from cxrmlops.vocabulary.scope import Scope

if TYPE_CHECKING:
    from cxrmlops.records.model_identity import ModelIdentity

FORMAT = "cxrmlops bundle 5"
_ONE = {"networks": 1, "agreement": []}
_COARSE = {"pooling": "mean", "output_stride": 32}
ABSENT: dict[str, dict[str, Any]] = {  # format -> what its card meant and did not say
    "cxrmlops bundle 4": _ONE,
    "cxrmlops bundle 3": _ONE | _COARSE,
    "cxrmlops bundle 2": _ONE | _COARSE,
}  # 2: no reference for the watch
READABLE = (FORMAT, *ABSENT)
WEIGHTS, CARD, REFERENCE = "weights.safetensors", "model.json", "reference.npz"


@dataclass(frozen=True)
class BundleCard:
    """What a reader of the weights must know. Plain values, no clock, no patient."""

    name: str
    architecture: str  # torchvision's name
    size: int  # pixels per side of the network's square
    preprocessing_hash: str  # of the front end that made the training squares
    scope: Scope  # what the cohort was accepted by
    temperature: float  # probability = sigmoid(logit / temperature)
    study_rule: str  # joins the images of a study: max or mean
    operating_points: tuple[OperatingPoint, ...]
    lineage: dict[str, Any]  # hashes of data, settings and code; counts; versions
    pooling: str = "mean"  # of the evidence into the logit; see `model.pooling`
    output_stride: int = 32  # pixels of the square between the map's cells
    networks: int = 1  # that read each film, whose logits and maps are averaged
    agreement: tuple[Agreement, ...] = ()  # with fp32, of what else may read
    version: str = ""  # given by the registry, never at rest
    created: str = ""  # likewise: a rebuild gives the same bytes


@dataclass(frozen=True)
class Bundle:
    """A model that can be used, and the hash that names it."""

    network: Network  # on the CPU, in eval mode
    card: BundleCard
    hash: str  # 64 hex digits over every byte of the folder
    reference: Mapping[str, np.ndarray]  # what val looked like, whom it learnt from

    @property
    def key(self) -> str:
        """Name the model in results: no registry number, so a rebuild keeps it."""
        return f"{self.card.name}|{self.hash}"

    @property
    def identity(self) -> "ModelIdentity":
        """Return who reads, so that objects can be built without the bundle."""
        # a machine that only trains has no pydantic
        from cxrmlops.records.model_identity import ModelIdentity

        card = self.card
        return ModelIdentity(
            name=card.name,
            bundle_hash=self.hash,
            key=self.key,
            architecture=card.architecture,
            size=card.size,
            preprocessing_hash=card.preprocessing_hash,
            temperature=card.temperature,
            study_rule=card.study_rule,
            operating_points=card.operating_points,
            pooling=card.pooling,
            cell_places=cell_places(self.network, card.size),
        )


def write_bundle(
    folder: Path,
    network: Network,
    *,
    card: BundleCard,
    reference: Mapping[str, np.ndarray],
) -> str:
    """Write a bundle, whole or not at all, and give its hash.

    Of several networks all stand in one file, `networks.0.` and so on before each key.
    The same weights, card and reference give the same bytes. Nothing in it is a pickle.
    """
    tensors = {
        key: value.detach().cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    with whole_folder(folder) as draft:
        (draft / WEIGHTS).write_bytes(save(tensors))
        np.savez(draft / REFERENCE, allow_pickle=False, **dict(reference))
        files = {name: sha256_file(draft / name) for name in (WEIGHTS, REFERENCE)}
        plain = asdict(card) | {"scope": card.scope.to_json()}
        content = {"format": FORMAT, "files": files, "card": plain}
        _write_json(draft / CARD, content)
    return bundle_hash(folder)


def bundle_hash(folder: Path) -> str:
    """Hash the names and bytes of all files of a bundle: 64 hex digits.

    Raises:
        BundleError: a file is missing.
    """
    missing = [name for name in (CARD, WEIGHTS, REFERENCE) if not _there(folder, name)]
    if missing:
        raise BundleError(
            f"{folder} holds no model bundle, {', '.join(missing)} is missing; "
            "run the stage 'train' (dvc repro) or name another bundle"
        )
    return sha256_folder(folder)


def read_bundle(folder: Path, *, expect_hash: str | None = None) -> Bundle:
    """Read a bundle and check every byte of it.

    Args:
        folder: what `write_bundle` wrote.
        expect_hash: the hash it was registered or evaluated under, if known.

    Raises:
        BundleError: missing, changed since it was written, in an unknown format, or
            with a value in its card, weights or reference that no training writes.
    """
    found = bundle_hash(folder)
    if expect_hash is not None and found != expect_hash:
        raise BundleError(
            f"{folder} is not the bundle that is asked for: its hash is {found[:12]}, "
            f"expected {expect_hash[:12]}; fetch the model again or name the right one"
        )
    content = _read_content(folder)
    _check_files(folder, content["files"])
    card = _card(content["card"])
    network = _read_network(folder, card)
    return Bundle(network, card, found, read_arrays(folder / REFERENCE))


def read_card(folder: Path) -> BundleCard:
    """Read what a bundle says of itself, without its weights.

    Raises:
        BundleError: it is no bundle, or its card is not one of this installation's.
    """
    bundle_hash(folder)  # names what is missing
    return _card(_read_content(folder)["card"])


def require_preprocessing(card: BundleCard, preprocessing_hash: str) -> None:
    """Refuse a bundle that learnt from pixels made another way.

    Raises:
        BundleError: the hashes differ.
    """
    if card.preprocessing_hash != preprocessing_hash:
        raise BundleError(
            f"model '{card.name}' learnt from films preprocessed another way "
            f"(preprocessing hash {card.preprocessing_hash[:12]}, here it is "
            f"{preprocessing_hash[:12]} at {card.size} pixels); install the version "
            "it was made with, or train again"
        )


def require_split(card: BundleCard, split_hash: str) -> None:
    """Refuse a bundle whose training patients may be among this split's others.

    Raises:
        LeakError: the hashes differ.
    """
    learnt_from = str(card.lineage.get("split_hash", "unknown"))
    if learnt_from != split_hash:
        raise LeakError(
            f"model '{card.name}' learnt from split {learnt_from[:12]}, but this is "
            f"split {split_hash[:12]}: its patients may be in this test set; "
            "train on this split (dvc repro) first"
        )


def _there(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _read_content(folder: Path) -> dict[str, Any]:
    # a GPU machine with nothing but PyTorch trains without pydantic, and reads no card
    from cxrmlops.model.card_check import check_content, read_content

    content = read_content(folder / CARD)
    found = content.get("format") if isinstance(content, dict) else None
    if found not in READABLE:
        raise BundleError(
            f"{folder / CARD} has the format {found!r:.40}, this installation reads "
            f"{' and '.join(READABLE)}; install the version that wrote it, or train "
            "again"
        )
    names, given = {field.name for field in fields(BundleCard)}, content.get("card")
    if isinstance(given, dict):
        given = content["card"] = {**ABSENT.get(found, {}), **given}
    if isinstance(given, dict) and set(given) != names:
        raise BundleError(
            f"{folder / CARD}: the card differs in {sorted(set(given) ^ names)[:9]}; "
            "install the version that wrote it, or train again"
        )
    check_content(content, folder / CARD)
    return dict(content)


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    for name in (WEIGHTS, REFERENCE):
        if sha256_file(folder / name) != expected.get(name):
            raise BundleError(
                f"{folder / name} was changed after the bundle was written (its hash "
                f"differs from the one in {CARD}); fetch or train the model again"
            )


def _card(content: Mapping[str, Any]) -> BundleCard:
    points = tuple(OperatingPoint(**point) for point in content["operating_points"])
    made = {
        "operating_points": points,
        "scope": Scope.from_json(content["scope"]),
        "agreement": tuple(Agreement(**one) for one in content["agreement"]),
    }
    return BundleCard(**{**content, **made})


def _read_network(folder: Path, card: BundleCard) -> Network:
    try:
        tensors = load_file(folder / WEIGHTS)
        parts = [of_member(tensors, number) for number in range(card.networks)]
        if sum(map(len, parts)) != len(tensors):
            raise ParamsError(f"{card.networks} networks of {len(tensors)} tensors")
        networks = [
            load_network(
                card.architecture,
                part,
                pooling=card.pooling,
                output_stride=card.output_stride,
            )
            for part in parts
        ]
    except (ParamsError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"{folder / WEIGHTS} does not fit {card.architecture}: "
            f"{str(error).splitlines()[0]}; fetch or train the model again"
        ) from None
    broken = sorted(name for name, one in tensors.items() if not one.isfinite().all())
    if broken:
        raise BundleError(
            f"{folder / WEIGHTS} holds values that are no numbers, in {len(broken)} "
            f"tensor(s), first '{broken[0]}'; fetch or train the model again"
        )
    return joined(networks).eval()
