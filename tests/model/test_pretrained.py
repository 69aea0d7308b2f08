from hashlib import sha256
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model, list_models

from cxrmlops.model import pretrained
from cxrmlops.model.network import FAMILIES, build_network
from cxrmlops.model.pretrained import absent, find_weights, read_weights
from cxrmlops.system.errors import ParamsError, ResourceError

V1 = "IMAGENET1K_V1"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache of torch hub, an empty folder, and no network."""

    def no_network(*_args, **_kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A file as torchvision publishes it: digits of its hash stand in its name."""
    draft = tmp_path / "draft"
    state = get_model("resnet18").state_dict()
    torch.save(state, draft)
    digits = sha256(draft.read_bytes()).hexdigest()[:8]
    file = draft.rename(tmp_path / f"resnet18-{digits}.pth")
    url = f"https://example.org/models/{file.name}"
    monkeypatch.setattr(pretrained, "_address", lambda *_: url)
    return file, state


@pytest.mark.parametrize("place", ["beside params.yaml", "cache"])
def test_without_a_network_the_file_is_taken_from_beside_params_or_the_cache(
    published, cache, place
):
    file, state = published
    folder = cache if place == "cache" else Path()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file.name).write_bytes(file.read_bytes())

    network = build_network("resnet18", weights=V1)

    torch.testing.assert_close(
        network.layer4.state_dict()["0.conv1.weight"], state["layer4.0.conv1.weight"]
    )
    assert absent("resnet18", V1) is None


def test_a_safetensors_file_of_that_name_beside_params_is_taken_too(published):
    file, state = published
    save_file(state, Path(file.with_suffix(".safetensors").name))

    found = read_weights(find_weights("resnet18", V1))

    assert torch.equal(found["conv1.weight"], state["conv1.weight"])


def test_weights_that_are_nowhere_are_one_sentence_with_address_and_place(cache):
    with pytest.raises(ResourceError) as told:
        build_network("resnet152", weights=V1)

    said = str(told.value)
    assert said.startswith(f"train.weights: {V1} is not on this machine and could not")
    assert "https://download.pytorch.org/models/resnet152-394f9c45.pth" in said
    assert f"beside params.yaml ({Path.cwd()}) or into {cache}" in said
    assert "null" in said
    assert "\n" not in said


def test_a_fetched_file_is_kept_and_asked_for_by_its_hash(
    published, cache, monkeypatch
):
    file, state = published
    asked = []

    def fetch(url, place, digits, **_options):
        asked.append((url, digits))
        Path(place).write_bytes(file.read_bytes())

    assert absent("resnet18", V1).endswith(file.name)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)

    for _ in range(2):
        found = read_weights(find_weights("resnet18", V1))

    assert asked == [
        (f"https://example.org/models/{file.name}", file.stem.rpartition("-")[2])
    ]
    assert torch.equal(found["fc.bias"], state["fc.bias"])


def test_a_file_that_is_not_what_its_name_says_is_refused(published):
    file, _ = published
    Path(file.name).write_bytes(file.read_bytes() + b"more")

    with pytest.raises(ResourceError, match="not the file that its name says.*remove"):
        find_weights("resnet18", V1)


@pytest.mark.integration
def test_every_resnet_of_torchvision_has_the_weights_that_params_yaml_names():
    for name in list_models(include=FAMILIES):
        assert absent(name, V1).startswith("https://download.pytorch.org/")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("IMAGENET9K", "has no weights 'IMAGENET9K'.*IMAGENET1K_V1"),
        ("gone.safetensors", "there is no file gone.safetensors"),
        ("gone.pth", "there is no file gone.pth"),
    ],
)
def test_unknown_weights_are_refused(weights, message):
    with pytest.raises(ParamsError, match=message):
        build_network("resnet18", weights=weights)


def test_a_network_that_nobody_trained_on_photographs_says_so():
    with pytest.raises(ParamsError, match="no weights of resnet18_narrow.*null"):
        build_network("resnet18_narrow", weights=V1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("junk.safetensors", "is no safetensors file"),
        ("junk.pth", "is no file of weights|holds more than weights"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name, message):
    path = tmp_path / name
    path.write_bytes(b"no tensor")

    with pytest.raises((ParamsError, ResourceError), match=message):
        build_network("resnet18", weights=path)


def test_a_file_of_something_else_than_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "other.pth")

    with pytest.raises(ParamsError, match="holds no tensors by name"):
        read_weights(tmp_path / "other.pth")


class Runs:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_when_weights_are_read(tmp_path):
    torch.save({"conv1.weight": Runs(tmp_path / "ran")}, tmp_path / "kept.pth")

    with pytest.raises(ResourceError, match="holds more than weights.*remove it"):
        read_weights(tmp_path / "kept.pth")

    assert not (tmp_path / "ran").exists()
