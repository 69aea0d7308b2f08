import shutil
from pathlib import Path

import pytest
import yaml

from cxrmlops.params import load_params, load_site
from cxrmlops.quickstart import demo
from cxrmlops.system.errors import CxrError
from tests.make_records import estimate, make_metrics, make_verdict

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("architecture", "rate"),
    [("resnet18", 1e-3), ("resnet18_narrow", 1e-3), ("resnet152", 3e-4)],
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


def test_images_are_made_once_and_other_images_need_another_folder(
    tmp_path, monkeypatch
):
    made = []

    def make(raw, **asked):
        raw.mkdir(parents=True)
        (raw / "truth.csv").write_text("films")
        (raw / "regions.csv").write_text("places")
        made.append(asked)

    monkeypatch.setattr(demo, "make_cohort", make)
    asked = {"studies": 200, "seed": 1, "bias": 0.0}

    demo.make_image_files(tmp_path, **asked)
    demo.make_image_files(tmp_path, **asked)

    assert [(one["seed"], one["bias"]) for one in made] == [(1, 0.0)]
    for other in ({"seed": 2}, {"bias": 0.5}, {"studies": 300}):
        with pytest.raises(CxrError, match="--folder"):
            demo.make_image_files(tmp_path, **asked | other)


def test_the_same_images_are_made_again_where_a_demo_of_before_kept_no_regions(
    tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(demo, "make_cohort", lambda _raw, **asked: made.append(asked))
    asked = {"studies": 200, "seed": 1, "bias": 0.0}
    demo.make_image_files(tmp_path, **asked)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "truth.csv").write_text("films")

    demo.make_image_files(tmp_path, **asked)

    assert len(made) == 2


def test_images_that_were_not_finished_may_be_replaced_by_others(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(demo, "make_cohort", lambda _raw, **asked: made.append(asked))

    demo.make_image_files(tmp_path, studies=200, seed=1, bias=0.0)
    demo.make_image_files(tmp_path, studies=200, seed=2, bias=0.0)

    assert [one["seed"] for one in made] == [1, 2]


@pytest.mark.parametrize("passed", [True, False])
def test_the_end_of_a_demo_names_only_pages_of_its_own_run(tmp_path, passed):
    auc = estimate(0.8, 0.9, 0.95, n=300)
    metrics = make_metrics(figures={"auc": auc}, thumbnail={"auc": auc})
    metrics.write(tmp_path / "data" / "evaluate" / "figures.json")
    reasons = [] if passed else ["auc: 0.8 is below 0.85"]

    said = demo.summary(
        tmp_path,
        make_verdict(outcome="passed" if passed else "refused", reasons=reasons),
    )

    assert "0.900 (0.800-0.950), n = 300" in said
    assert ("reading_list.html" in said) is passed
    assert ("refused, so no night followed: auc" in said) is not passed


def test_a_folder_that_no_demo_made_is_not_written_over(tmp_path):
    (tmp_path / "site.yaml").write_text("mine")

    with pytest.raises(CxrError, match="holds files that no demo made"):
        demo.run(
            folder=tmp_path, architecture="resnet18", studies=200, seed=1, bias=0.0
        )

    assert (tmp_path / "site.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["site.yaml"]
