import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cxrmlops.model.bundle import (
    REFERENCE,
    BundleCard,
    bundle_hash,
    read_bundle,
    require_preprocessing,
    write_bundle,
)
from cxrmlops.model.ensemble import joined
from cxrmlops.model.inference import Reader
from cxrmlops.model.network import build_network
from cxrmlops.model.pooling import pooled
from cxrmlops.model.skew import check_skew, skew_logit
from cxrmlops.model.watch_reference import from_arrays
from cxrmlops.system.errors import BundleError
from cxrmlops.system.files import sha256_file
from tests.make import (
    make_reading_bundle,
    untrained_network,
    write_reading_bundle,
)
from tests.model.make import GOOD


def test_what_was_written_is_read_back(tmp_path):
    lineage = {"seed": 4, "n": {"train": {"images": 7}}}
    make_reading_bundle(tmp_path, temperature=1.25, lineage=lineage)

    bundle = read_bundle(tmp_path)

    assert bundle.card.temperature == 1.25
    assert bundle.card.lineage == lineage
    assert bundle.card.operating_points[0].name == "balanced"
    assert bundle.key == f"{bundle.card.name}|{bundle.hash}"
    assert not bundle.network.training


def test_what_agrees_with_32_bit_is_read_back(tmp_path):
    make_reading_bundle(tmp_path, agreement=(GOOD,))

    assert read_bundle(tmp_path).card.agreement == (GOOD,)


def test_a_card_of_before_measured_no_agreement(tmp_path):
    make_reading_bundle(tmp_path, agreement=(GOOD,))
    rewrite_card(tmp_path, lambda content: as_before(content, version=4))

    assert read_bundle(tmp_path).card.agreement == ()


@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ({"precision": "fp8"}, "precision"),
        ({"n": 0}, r"agreement\.0\.n"),
        ({"largest_difference": -1.0}, "largest_difference"),
        ({"flips": {"balanced": -1}}, "flips"),
    ],
)
def test_an_agreement_that_no_training_measures_is_refused(tmp_path, quirk, said):
    make_reading_bundle(tmp_path, agreement=(GOOD,))
    rewrite_card(
        tmp_path, lambda content: content["card"]["agreement"][0].update(quirk)
    )

    with pytest.raises(BundleError, match=said):
        read_bundle(tmp_path)


def test_the_same_model_gives_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    write_reading_bundle(tmp_path / "a")
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_reading_bundle(tmp_path / "b")

    assert bundle_hash(tmp_path / "a") == bundle_hash(tmp_path / "b")


def test_another_weight_gives_another_hash(tmp_path):
    assert bundle_hash(write_reading_bundle(tmp_path / "a", seed=0)) != bundle_hash(
        write_reading_bundle(tmp_path / "b", seed=1)
    )


def test_a_bundle_holds_no_pickle(tmp_path):
    make_reading_bundle(tmp_path)

    assert {path.suffix for path in tmp_path.iterdir()} == {
        ".safetensors",
        ".json",
        ".npz",
    }
    with np.load(tmp_path / "reference.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "reference.npz"])
def test_a_missing_file_is_named(tmp_path, name):
    make_reading_bundle(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(BundleError, match=f"{name} is missing; run the stage 'train'"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "reference.npz"])
def test_a_changed_byte_is_noticed_without_a_hash_to_compare_with(tmp_path, name):
    make_reading_bundle(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BundleError, match=f"{name} was changed"):
        read_bundle(tmp_path)


def test_a_changed_card_is_noticed_by_its_registered_hash(tmp_path):
    known = bundle_hash(make_reading_bundle(tmp_path))
    card = json.loads((tmp_path / "model.json").read_text())
    card["card"]["temperature"] = 9.0
    (tmp_path / "model.json").write_text(json.dumps(card))

    with pytest.raises(BundleError, match=f"expected {known[:12]}"):
        read_bundle(tmp_path, expect_hash=known)


def test_an_unknown_format_is_refused(tmp_path):
    make_reading_bundle(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(card | {"format": "bundle 99"}))

    with pytest.raises(BundleError, match="format 'bundle 99'"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("content", ["not json", "[]", '{"format": 3}'])
def test_a_broken_card_is_refused_in_one_sentence(tmp_path, content):
    make_reading_bundle(tmp_path)
    (tmp_path / "model.json").write_text(content)

    with pytest.raises(BundleError, match=r"model\.json"):
        read_bundle(tmp_path)


def test_a_card_of_another_time_is_refused_by_the_fields_that_differ(tmp_path):
    make_reading_bundle(tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    content["card"]["mood"] = content["card"].pop("temperature")
    (tmp_path / "model.json").write_text(json.dumps(content))

    with pytest.raises(BundleError, match=r"\['mood', 'temperature'\]"):
        read_bundle(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path):
    make_reading_bundle(tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    weights["conv1.weight"] = torch.zeros(64, 3, 7, 7)
    save_file(weights, tmp_path / "weights.safetensors")
    content = json.loads((tmp_path / "model.json").read_text())
    content["files"]["weights.safetensors"] = sha256_file(
        tmp_path / "weights.safetensors"
    )
    (tmp_path / "model.json").write_text(json.dumps(content))

    with pytest.raises(BundleError, match="does not fit resnet18_narrow"):
        read_bundle(tmp_path)


def test_a_bundle_for_other_pixels_is_refused(tmp_path):
    card = read_bundle(make_reading_bundle(tmp_path)).card

    require_preprocessing(card, card.preprocessing_hash)
    with pytest.raises(BundleError, match="preprocessed another way.*at 64 pixels"):
        require_preprocessing(card, "f" * 64)


def test_a_failed_write_leaves_the_old_bundle(tmp_path):
    before = bundle_hash(make_reading_bundle(tmp_path / "bundle"))
    card = read_bundle(tmp_path / "bundle").card
    unfit = replace(card, lineage={"loss": float("nan")})

    with pytest.raises(ValueError, match="JSON compliant"):
        write_bundle(
            tmp_path / "bundle",
            build_network("resnet18_narrow"),
            card=unfit,
            reference={},
        )

    assert bundle_hash(tmp_path / "bundle") == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_reference_histograms_come_back_as_arrays(tmp_path):
    card = read_bundle(make_reading_bundle(tmp_path / "a")).card
    counts = np.arange(256)
    write_bundle(
        tmp_path / "b",
        build_network("resnet18_narrow"),
        card=card,
        reference={"intensity": counts},
    )

    assert isinstance(card, BundleCard)
    np.testing.assert_array_equal(
        read_bundle(tmp_path / "b").reference["intensity"], counts
    )


def rewrite_card(folder, change) -> None:
    content = json.loads((folder / "model.json").read_text())
    change(content)
    (folder / "model.json").write_text(json.dumps(content))


def put(name, value):
    return lambda content: content["card"].update({name: value})


def put_scope(name, value):
    return lambda content: content["card"]["scope"].update({name: value})


def put_point(name, value):
    return lambda content: content["card"]["operating_points"][0].update({name: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("temperature", float("nan")), r"card\.temperature: .* finite"),
        (put("temperature", 0.0), r"card\.temperature: .* greater than 0"),
        (put("temperature", -1.0), r"card\.temperature: .* greater than 0"),
        (put("temperature", float("inf")), r"card\.temperature: .* finite"),
        (put("temperature", "1"), r"card\.temperature: .* number"),
        (put_point("threshold", 7.0), r"threshold: .* less than 1"),
        (put_point("threshold", -3.0), r"threshold: .* greater than 0"),
        (put_point("threshold", float("nan")), r"threshold: .* finite"),
        (put_point("name", "high_sensitivity"), "each once"),
        (put_point("name", "mine"), r"name: Input should be 'balanced'"),
        (put("operating_points", []), "operating points are none"),
        (put("study_rule", "median"), r"study_rule: Input should be 'max' or 'mean'"),
        (put("size", 0), r"card\.size: .* greater than or equal to 32"),
        (put("size", True), r"card\.size: .* valid integer"),
        (put("preprocessing_hash", "abc"), r"preprocessing_hash: .* pattern"),
        (put("lineage", {"split_hash": 4}), r"lineage\.split_hash: .* string"),
        (put("lineage", {"n": {"train": {"images": -1}}}), r"n\.train\.images: "),
        (put("lineage", []), r"card\.lineage: "),
        (put("scope", {}), r"card\.scope\.chest_words: Field required"),
        (put_scope("min_age_years", float("nan")), r"min_age_years: .* finite"),
        (put_scope("views", ["lateral"]), r"scope\.views\.0: Input should be 'PA'"),
        (put_scope("max_pixels", 0), r"scope\.max_pixels: .* greater than or equal"),
        (lambda content: content.pop("files"), "files: Field required"),
        (lambda content: content["files"].clear(), r"weights\.safetensors was changed"),
        (lambda content: content.update(card=3), "card: Input should be"),
    ],
)
def test_a_card_that_no_training_writes_is_refused_by_its_value(tmp_path, change, said):
    make_reading_bundle(tmp_path)
    rewrite_card(tmp_path, change)

    with pytest.raises(BundleError, match=said) as refused:
        read_bundle(tmp_path)

    assert "\n" not in str(refused.value)


def test_a_card_nested_without_end_is_refused_in_one_sentence(tmp_path):
    make_reading_bundle(tmp_path)
    (tmp_path / "model.json").write_text("[" * 100_000)

    with pytest.raises(BundleError, match="is no JSON of a card"):
        read_bundle(tmp_path)


def forge_reference(folder, data: bytes) -> None:
    """Put another reference in, and its hash into the card."""
    (folder / "reference.npz").write_bytes(data)
    known = sha256_file(folder / "reference.npz")
    rewrite_card(folder, lambda content: content["files"].update({REFERENCE: known}))


def test_a_reference_that_holds_no_arrays_is_refused_in_one_sentence(tmp_path):
    make_reading_bundle(tmp_path)
    forge_reference(tmp_path, b"no archive")

    with pytest.raises(BundleError, match="holds no arrays of a model"):
        read_bundle(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    make_reading_bundle(tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    weights["conv1.weight"][0] = float("nan")
    save_file(weights, tmp_path / "weights.safetensors")
    known = sha256_file(tmp_path / "weights.safetensors")
    rewrite_card(
        tmp_path,
        lambda content: content["files"].update({"weights.safetensors": known}),
    )

    with pytest.raises(BundleError, match=r"no numbers, in 1 tensor\(s\).*conv1"):
        read_bundle(tmp_path)


def as_before(content, *, version):
    """Write a card as an earlier version did, which knew one network, one pooling."""
    content["format"] = f"cxrmlops bundle {version}"
    new = ("networks", "agreement")
    for name in new if version == 4 else (*new, "pooling", "output_stride"):
        del content["card"][name]


def test_a_bundle_of_the_format_before_is_read_and_has_no_reference_for_the_watch(
    tmp_path,
):
    folder = make_reading_bundle(tmp_path)
    rewrite_card(folder, lambda content: as_before(content, version=2))

    assert from_arrays(read_bundle(folder).reference) is None


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_bundle_of_a_format_before_is_pooled_by_the_mean_as_it_was(tmp_path, version):
    new = make_reading_bundle(tmp_path / "new", size=96)
    old = make_reading_bundle(tmp_path / "old", size=96)
    rewrite_card(old, lambda content: as_before(content, version=version))
    square = np.random.default_rng(0).integers(0, 256, (1, 96, 96)).astype(np.uint8)

    read, known = read_bundle(old), read_bundle(new)

    assert (read.card.pooling, read.card.output_stride) == ("mean", 32)
    assert read.card.networks == 1
    assert len(read.identity.cell_places) == 3
    answers = [Reader(each).read(square) for each in (read, known)]
    np.testing.assert_array_equal(answers[0].logit, answers[1].logit)


def test_a_card_of_this_format_must_say_how_evidence_is_pooled(tmp_path):
    make_reading_bundle(tmp_path)
    rewrite_card(tmp_path, lambda content: content["card"].pop("pooling"))

    with pytest.raises(BundleError, match="differs in.*pooling"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(("pooling", "stride"), [("log_sum_exp", 16), ("mean", 16)])
def test_a_bundle_is_read_with_the_pooling_and_stride_it_was_trained_with(
    tmp_path, pooling, stride
):
    make_reading_bundle(tmp_path, size=96, pooling=pooling, output_stride=stride)
    square = np.random.default_rng(0).integers(0, 256, (1, 96, 96)).astype(np.uint8)

    bundle = read_bundle(tmp_path)
    answers = Reader(bundle).read(square)

    assert answers.evidence.shape == (1, 96 // stride, 96 // stride)
    bias = bundle.network.bias.item()
    assert pooled(answers.evidence[0], pooling) + bias == pytest.approx(
        float(answers.logit[0]), abs=1e-5
    )
    assert bundle.identity.pooling == pooling
    assert len(bundle.identity.cell_places) == 96 // stride


def write_several(folder, *, seeds=(0, 1, 2), networks=3):
    """Write a bundle of untrained networks."""
    network = joined([deepcopy(untrained_network(seed)) for seed in seeds])
    card = read_bundle(make_reading_bundle(folder / "one")).card
    reference = {"skew_logit": skew_logit(network, card.size)}
    write_bundle(
        folder / "several",
        network,
        card=replace(card, networks=networks),
        reference=reference,
    )
    return folder / "several"


def test_a_bundle_of_several_networks_answers_with_the_mean_of_their_logits(tmp_path):
    folder = write_several(tmp_path)
    squares = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)

    bundle = read_bundle(folder)
    answers = Reader(bundle).read(squares)

    assert len(bundle.network.members) == bundle.card.networks == 3
    own = []
    for seed in (0, 1, 2):
        one = write_reading_bundle(tmp_path / f"seed{seed}", seed=seed)
        own.append(Reader(read_bundle(one)).read(squares).logit)
    np.testing.assert_allclose(answers.logit, np.mean(own, 0), atol=1e-5)
    assert answers.features.shape == (2, 3 * (8 + 16 + 32 + 64))
    assert check_skew(bundle, Reader(bundle)) < 1e-4
    assert bundle.identity.cell_places


@pytest.mark.parametrize("networks", [1, 2, 4])
def test_a_card_that_counts_other_networks_than_there_are_is_refused(
    tmp_path, networks
):
    folder = write_several(tmp_path, networks=networks)

    with pytest.raises(BundleError, match="does not fit resnet18_narrow"):
        read_bundle(folder)


def test_a_training_begins_each_network_with_its_own_of_a_bundle_of_several(tmp_path):
    file = write_several(tmp_path) / "weights.safetensors"

    for member, seed in ((0, 0), (2, 2), (4, 1)):
        begun = build_network("resnet18_narrow", weights=file, member=member)
        first = untrained_network(seed).conv1.weight
        assert torch.equal(begun.conv1.weight, first)
