import shutil
from pathlib import Path

import pytest
import yaml

from cxrmlops import demo
from cxrmlops.params import load_params, load_site

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("architecture", "rate"), [("resnet18", 1e-3), ("resnet152", 3e-4)]
)
def test_the_demo_has_valid_settings_and_a_rate_that_fits_the_depth(
    tmp_path, architecture, rate
):
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)

    demo.write_settings(tmp_path, architecture=architecture)

    params = load_params(tmp_path / "params.yaml")
    assert params.train.architecture == architecture
    assert params.train.learning_rate == rate
    assert params.gate.min_test_studies >= 300
    assert load_site(tmp_path / "site.yaml").name == "demo"


def test_the_demo_leaves_every_other_number_as_it_is(tmp_path):
    for name in ("params.yaml", "site.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    before = yaml.safe_load((tmp_path / "params.yaml").read_text())

    demo.write_settings(tmp_path, architecture="resnet18")

    after = yaml.safe_load((tmp_path / "params.yaml").read_text())
    moved = {
        (section, name)
        for section, values in after.items()
        for name, value in values.items()
        if before[section][name] != value
    }
    ours = {(section, name) for section, those in demo.PARAMS.items() for name in those}
    assert moved <= ours | {("train", "architecture"), ("train", "precision")}
