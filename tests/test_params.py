import re
from pathlib import Path

import pytest
import yaml

from cxrmlops.params import Params, Site, load_params, load_site
from cxrmlops.system.errors import ParamsError

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
SITE = yaml.safe_load((ROOT / "site.yaml").read_text())


def changed(folder: Path, section: str, key: str, value: object) -> Path:
    content = PARAMS | {section: PARAMS[section] | {key: value}}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_settings_are_valid():
    assert load_params(ROOT / "params.yaml").split.seed == PARAMS["split"]["seed"]
    assert load_site(ROOT / "site.yaml").source == SITE["source"]


def test_the_shipped_settings_are_the_source_studys_job():
    params = load_params(ROOT / "params.yaml")

    assert params.split.fractions == {"train": 0.7, "val": 0.2, "test": 0.1}
    assert (params.split.policy, params.train.architecture) == ("patient", "resnet152")
    assert params.preprocess.size == 512


def test_a_number_once_read_never_changes():
    params = load_params(ROOT / "params.yaml")

    with pytest.raises(ValueError, match="frozen"):
        params.split.seed = 2


@pytest.mark.parametrize(
    ("section", "key", "value", "sentence"),
    [
        ("split", "sede", 1, "split.sede: Extra inputs are not permitted"),
        ("split", "seed", "one", "split.seed: Input should be a valid integer"),
        ("split", "policy", "random", "split.policy: Input should be 'patient' or"),
        ("split", "val", 0.3, "split: train + val + test should be 1, is 1.1"),
        ("cohort", "end", "2016-12-31", "cohort: end 2016-12-31 lies before start"),
        (
            "train",
            "progressive",
            [{"size": 256, "epochs": 1}, {"size": 128, "epochs": 1}],
            "train: progressive: sizes should grow, are [256, 128]",
        ),
        (
            "train",
            "progressive",
            [{"size": 512, "epochs": 1}],
            "train.progressive: size 512 should be below preprocess.size 512",
        ),
        ("preprocess", "size", 31, "preprocess.size: Input should be greater than"),
        ("validate", "min_studies", 0, "validate.min_studies: Input should be"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path, section, key, value, sentence):
    path = changed(tmp_path, section, key, value)

    with pytest.raises(ParamsError, match=re.escape(sentence)):
        load_params(path)


def test_every_wrong_value_is_named_at_once(tmp_path):
    content = PARAMS | {"split": {"sede": 1}}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))

    with pytest.raises(ParamsError, match=r"has \d+ wrong value\(s\)") as stop:
        load_params(path)

    assert "split.seed: Field required" in str(stop.value)
    assert "split.sede: Extra inputs" in str(stop.value)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ParamsError, match="is missing here .* cxrmlops init"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["a: [1", "a: 1\n b: 2", "\tb"])
def test_a_file_that_is_no_yaml_is_told_in_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)

    with pytest.raises(ParamsError, match="is not valid YAML") as stop:
        load_params(path)

    assert "\n" not in str(stop.value)


@pytest.mark.parametrize("text", ["", "- a\n- b", "just words"])
def test_a_file_without_sections_is_refused(tmp_path, text):
    path = tmp_path / "site.yaml"
    path.write_text(text)

    with pytest.raises(ParamsError, match="has 1 wrong value"):
        load_site(path)


def test_every_number_has_a_place_in_the_shipped_file():
    known = Params.model_json_schema(by_alias=True)["properties"]

    assert set(PARAMS) == set(known)
    assert set(Site.model_fields) - set(SITE) <= {
        name for name, field in Site.model_fields.items() if not field.is_required()
    }


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path):
    path = tmp_path / "site.yaml"
    text = (ROOT / "site.yaml").read_text()
    path.write_text(text + "name: other\n")

    with pytest.raises(ParamsError, match="the key 'name' is there twice") as refused:
        load_site(path)

    assert f"line {len(text.splitlines()) + 1}," in str(refused.value)


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "{a: " * 5000])
def test_endless_brackets_are_one_sentence(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)

    with pytest.raises(ParamsError, match="nested too deep for a settings file"):
        load_params(path)


def test_a_merged_mapping_may_repeat_a_key(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\n")

    with pytest.raises(ParamsError, match="wrong value"):  # not "twice"
        load_site(path)


@pytest.mark.parametrize(
    "address",
    [
        "https://viewer.example/v",
        "javascript:alert({StudyInstanceUID})",
        'https://viewer.example/{StudyInstanceUID}"onclick="x',
    ],
)
def test_a_viewer_needs_an_http_address_with_a_place_for_the_study(tmp_path, address):
    site = yaml.safe_load((ROOT / "site.yaml").read_text()) | {"viewer_url": address}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))

    with pytest.raises(ParamsError, match="viewer_url"):
        load_site(tmp_path / "site.yaml")
