"""
Weights that a training begins with: a file of ours or torchvision's, found or fetched.

The file of a torchvision name is looked for beside params.yaml, then in torch hub's
cache, and is fetched only then: a machine without a network gets it by hand. Nothing is
unpickled but tensors (`weights_only`), and torchvision's files are compared with the
digits of their SHA-256 that stand in their names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cxrmlops.model import narrow_network
from cxrmlops.model.torchvision_resnets import get_model_weights
from cxrmlops.system.errors import ParamsError, ResourceError
from cxrmlops.system.files import sha256_file

SAFETENSORS = ".safetensors"
FILES = (SAFETENSORS, ".pth", ".pt")
MEMBERS = "networks."  # before the number and the key of a tensor in an ensemble
IN_BUNDLE = "weights.safetensors"  # `bundle.WEIGHTS`
_DIGITS = re.compile(r"-([0-9a-f]{8,})\.pth$")  # of the SHA-256, as torch.hub has it


def find_weights(architecture: str, weights: str, *, beside: Path = Path()) -> Path:
    """Return the file of weights, fetched if it is torchvision's and nowhere here.

    Args:
        architecture: name of a torchvision ResNet.
        weights: a name of torchvision's, e.g. `IMAGENET1K_V1`, a file, or the folder
            of a bundle.
        beside: folder of params.yaml.

    Raises:
        ParamsError: no such file, or no such name for this architecture.
        ResourceError: not here, and it cannot be fetched; or a file that is not the one
            torchvision names.
    """
    if is_place(weights):
        file = Path(weights) / IN_BUNDLE if Path(weights).is_dir() else Path(weights)
        if file.is_file():
            return file
        raise ParamsError(
            f"train.weights: there is no file {file}; give a {SAFETENSORS} or .pth "
            "file, the folder of a bundle (a copy: dvc removes data/train before it "
            "trains), a torchvision name such as IMAGENET1K_V1, or null"
        )
    url = _address(architecture, weights)
    here = local_copy(url, beside=beside)
    if here is not None:
        _check_digits(here)
        return here
    return _fetched(url, weights, beside)


def is_place(weights: str) -> bool:
    """Return whether a file or folder is meant, and no name of torchvision's."""
    return weights.endswith(FILES) or "/" in weights or Path(weights).is_dir()


def absent(architecture: str, weights: str) -> str | None:
    """Return the address of weights that are not here and would be fetched.

    None: they are here. Nothing is fetched, nothing but ParamsError is raised.
    """
    if is_place(weights):
        find_weights(architecture, weights)
        return None
    url = _address(architecture, weights)
    return None if local_copy(url) else url


def places(url: str, *, beside: Path = Path()) -> tuple[Path, ...]:
    """List where a file of torchvision's is looked for, in order."""
    name = url.rpartition("/")[2]
    return (
        (beside / name).with_suffix(SAFETENSORS),
        beside / name,
        Path(torch.hub.get_dir()) / "checkpoints" / name,
    )


def local_copy(url: str, *, beside: Path = Path()) -> Path | None:
    """Return the file of torchvision's if it is on this machine."""
    return next((path for path in places(url, beside=beside) if path.is_file()), None)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, and nothing else that the file may hold.

    Raises:
        ParamsError: no file of weights.
        ResourceError: it holds more than weights, and was not opened.
    """
    if path.suffix == SAFETENSORS:
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ParamsError(
                f"train.weights: {path} is no safetensors file ({error}); "
                "write it with safetensors.torch.save_file"
            ) from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:  # its text advises to run what the file holds
        raise ResourceError(
            f"train.weights: {path} holds more than weights, and was not opened; "
            "remove it and run again"
        ) from None
    except (RuntimeError, EOFError, ValueError) as error:
        raise ParamsError(
            f"train.weights: {path} is no file of weights "
            f"({str(error).partition(chr(10))[0]}); fetch it again"
        ) from None
    if not isinstance(found, Mapping) or not all(
        isinstance(value, Tensor) for value in found.values()
    ):
        raise ParamsError(
            f"train.weights: {path} holds no tensors by name; write it with "
            "torch.save(network.state_dict(), file)"
        )
    return dict(found)


def of_member(tensors: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    """Take one network's weights out of an ensemble's, round and round.

    Args:
        tensors: of one network, which are its own, or of several.
        member: from 0.
    """
    numbers = {key.split(".")[1] for key in tensors if key.startswith(MEMBERS)}
    if not numbers:
        return dict(tensors)
    prefix = f"{MEMBERS}{member % len(numbers)}."
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


def _address(architecture: str, name: str) -> str:
    if architecture == narrow_network.NAME:
        raise ParamsError(
            f"train.weights: torchvision has no weights of {architecture}; give a "
            f"local {SAFETENSORS} file, or null"
        )
    known = get_model_weights(architecture)
    member = name.rpartition(".")[2]  # ResNet152_Weights.DEFAULT -> DEFAULT
    if member not in known.__members__:
        raise ParamsError(
            f"train.weights: {architecture} has no weights '{name}'; choose one of "
            f"{', '.join(known.__members__)}, a local {SAFETENSORS} file, or null"
        )
    return str(known[member].url)


def _check_digits(path: Path) -> None:
    digits = _DIGITS.search(path.name)
    if digits and not sha256_file(path).startswith(digits[1]):
        raise ResourceError(
            f"train.weights: {path} is not the file that its name says (its SHA-256 "
            f"does not begin with {digits[1]}); remove it and fetch it again"
        )


def _fetched(url: str, weights: str, beside: Path) -> Path:
    cache = places(url, beside=beside)[-1]
    digits = _DIGITS.search(cache.name)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            url, str(cache), digits[1] if digits else None, progress=False
        )
    except (OSError, RuntimeError) as error:  # no network, or a broken download
        raise ResourceError(
            f"train.weights: {weights} is not on this machine and could not be fetched "
            f"({error}); bring {url} here by hand and put it beside params.yaml "
            f"({beside.resolve()}) or into {cache.parent}; or begin without, with "
            "train.weights: null"
        ) from None
    return cache
