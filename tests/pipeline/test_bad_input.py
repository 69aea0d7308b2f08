"""Bad input gets one sentence, exit code 1, and nothing half written."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from cxrmlops.records.tables import SCORED_IMAGES, SPLITS, VALIDATED
from cxrmlops.system.files import read_json, write_json
from tests import make
from tests.make_records import make_validation
from tests.pipeline.project import (
    SURROUNDINGS,
    command,
    files_below,
    make_project,
    refusal,
)
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration

NO_GPU = (
    "accelerator is 'gpu' in params.yaml, but torch finds no CUDA GPU on this machine; "
    "set it to auto or cpu, or look at nvidia-smi and the driver"
)
REPORTS = "study_instance_uid,conclusion\n1.2.1,NSF\n1.2.2,ASF\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Stand in an empty folder; everything runs in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_WORKERS", "0")


def change(name: str, old: str, new: str) -> None:
    path = Path(name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# Settings ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["params.yaml", "site.yaml"])
def test_missing_settings_name_the_file_and_the_command_that_makes_one(name):
    make_project(Path())
    Path(name).unlink()

    said = refusal("cohort")

    assert said.startswith(f"{name} is missing here ({Path.cwd()})")
    assert said.endswith("make one with: cxrmlops init FOLDER")


@pytest.mark.parametrize(
    ("name", "line", "wrong", "where"),
    [
        ("params.yaml", "  min_age_years: 18", "  min_age: 18", "cohort.min_age"),
        ("params.yaml", "  images_per_shard:", "  shards:", "preprocess.shards"),
        ("params.yaml", "cohort:", "cohrt:", "cohrt"),
        ("site.yaml", "reports:", "report:", "report"),
    ],
)
def test_a_wrong_key_is_named_with_its_place(name, line, wrong, where):
    make_project(Path())
    change(name, line, wrong)

    said = refusal("cohort")

    assert said.startswith(f"{name} has 2 wrong value(s): ")
    assert f"{where}: Extra inputs are not permitted" in said
    assert ": Field required" in said
    assert said.endswith("correct the file and run again")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"institution: Universit\xe4t\n", "is not UTF-8 text"),
        (b"films: [a\n", "is not valid YAML"),
        (b"", "has 1 wrong value"),
    ],
)
def test_settings_that_cannot_be_read_are_one_sentence(content, why):
    make_project(Path())
    Path("site.yaml").write_bytes(content)

    assert why in refusal("cohort")


# Films and reports ------------------------------------------------------------------


def make_hospital(reports: str = REPORTS) -> None:
    """Make a project of two studies with a film each."""
    make_project(Path(), films="films", reports="reports.csv")
    for study in ("1.2.1", "1.2.2"):
        make.save_image(
            make.make_chest_image(study=study), Path("films", f"{study}.dcm")
        )
    Path("reports.csv").write_text(reports)


def test_a_missing_image_folder_is_named(tmp_path):
    make_hospital()
    shutil.rmtree("films")

    said = refusal("cohort")

    assert said.startswith(
        f"site.yaml: films: there is no folder films here ({tmp_path}"
    )
    assert "cxrmlops init FOLDER" in said


def test_a_missing_report_table_is_named():
    make_hospital()
    Path("reports.csv").unlink()

    said = refusal("cohort")

    assert said.startswith("site.yaml: reports: there is nothing at reports.csv")
    assert "name the report table" in said


def test_a_missing_column_is_named_with_what_is_there():
    make_hospital(REPORTS.replace("conclusion", "result"))

    said = refusal("cohort")

    assert said == (
        "reports.csv: column 'conclusion' is missing, found study_instance_uid, "
        "result; rename or add it"
    )


def test_an_unknown_label_is_named_with_those_that_are_known():
    make_hospital(REPORTS.replace("ASF", "maybe"))

    said = refusal("cohort")

    assert said == (
        "reports.csv: column 'conclusion': 1 of 2 row(s) hold a word that is no "
        "conclusion ('maybe' 1 time(s)); write NSF, ASF, uncertain, disputed instead"
    )


def test_images_that_went_away_after_the_cohort_are_told():
    make_hospital()
    assert command("cohort") == 0
    shutil.rmtree("films")

    said = refusal("preprocess")

    assert "no film of 2 could be read: 2 rejected (2 file_changed)" in said
    assert "check 'films' in site.yaml" in said


# Splits -----------------------------------------------------------------------------


def test_an_empty_split_says_what_there_is_and_what_to_change():
    make_project(Path())
    VALIDATED.write(make.make_validated(patients=2), Path("data/validate"))

    said = refusal("split")

    assert said == (
        "split 'val' has no images: 2 patients with 2 images are too few for it; add "
        "films or raise split.val in params.yaml"
    )


def test_a_split_of_one_answer_says_so():
    make_project(Path())
    images = make.make_validated(patients=40).assign(abnormal=False)
    VALIDATED.write(images, Path("data/validate"))

    assert "has only normal studies" in refusal("split")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Give what evaluate reads, around an untrained network."""
    return make_line(tmp_path_factory.mktemp("line"), make.make_splits(patients=60))


def make_trained(trained: Path) -> None:
    """Make a project whose data/ holds `trained`; large files are linked."""
    make_project(Path())
    shutil.copytree(trained, "data", copy_function=os.link)


def replace(path: Path) -> Path:
    """Part a linked file from its original, so that it may be changed."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


def put_a_patient_on_two_sides() -> None:
    images = SPLITS.read(Path("data/split"))
    of_test = images.index[images.split == "test"][0]
    images.loc[of_test, "patient_id"] = images.patient_id[images.split == "train"][0]
    SPLITS.write(images, Path("data/split"))


@pytest.mark.parametrize("stage", ["train", "evaluate", "examine"])
def test_a_patient_on_two_sides_is_refused(trained, stage):
    make_trained(trained)
    put_a_patient_on_two_sides()

    said = refusal(stage)

    assert said == ("1 patient(s) in more than one split; run dvc repro split [P000]")


def test_the_gate_refuses_figures_from_a_split_with_a_patient_on_two_sides(trained):
    make_trained(trained)
    assert command("evaluate") == 0
    assert command("examine") == 0
    make_validation().write(Path("data/validate/report.json"))
    put_a_patient_on_two_sides()

    assert command("gate") == 0  # a refusal is a completed stage with its reasons

    verdict = read_json(Path("data/gate/verdict.json"))
    assert verdict["outcome"] == "refused"
    assert "in more than one split: patients 1" in verdict["reasons"]


# Models and machines ----------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Give a bundle that reads films as they are made today."""
    return make.make_reading_bundle(
        tmp_path_factory.mktemp("model") / "bundle", size=32
    )


def make_night(model: Path) -> list[str]:
    """Make a project with a bundle and a backlog; give the command that reads it."""
    make_project(Path())
    shutil.copytree(model, "bundle", copy_function=os.link)
    make.save_image(make.make_readable_image(1), Path("films/good.dcm"))
    return ["score", "films", "--out", "night", "--model", "bundle"]


def test_an_absent_gpu_is_told_by_train(trained, monkeypatch):
    make_trained(trained)
    make_project(Path(), params={"train": {"accelerator": "gpu"}})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert refusal("train") == NO_GPU


def test_an_absent_gpu_is_told_by_score(model, monkeypatch):
    night = make_night(model)
    make_project(Path(), params={"score": {"accelerator": "gpu"}})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert refusal(*night) == NO_GPU


def test_a_bundle_of_another_preprocessing_is_refused_by_score(trained, model):
    make_night(model)

    said = refusal(
        "score", "films", "--out", "night", "--model", f"{trained}/train/bundle"
    )

    assert "model 'cxr-resnet18' learnt from films preprocessed another way" in said
    assert "(preprocessing hash 000000000000, here it is " in said
    assert said.endswith("install the version it was made with, or train again")


def test_a_bundle_of_another_preprocessing_is_refused_by_evaluate(trained):
    make_trained(trained)
    facts = replace(Path("data/preprocess/preprocessing.json"))
    write_json(facts, read_json(facts) | {"hash": "f" * 64})

    assert "learnt from films preprocessed another way" in refusal("evaluate")


@pytest.mark.parametrize("name", ["weights.safetensors", "reference.npz"])
def test_a_changed_bundle_is_refused(model, name):
    night = make_night(model)
    path = replace(Path("bundle", name))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    said = refusal(*night)

    assert said.startswith(f"bundle/{name} was changed after the bundle was written")
    assert said.endswith("fetch or train the model again")


def test_a_bundle_with_a_file_missing_is_refused(model):
    night = make_night(model)
    Path("bundle/weights.safetensors").unlink()

    said = refusal(*night)

    assert said.startswith(
        "bundle holds no model bundle, weights.safetensors is missing"
    )
    assert "run the stage 'train'" in said


# Films of the night -----------------------------------------------------------------


def test_a_missing_backlog_is_named(model):
    night = make_night(model)
    shutil.rmtree("films")

    said = refusal(*night)

    assert said.startswith(f"there is no file or folder films here ({Path.cwd()})")
    assert said.endswith("name a film, or a folder of films")


def test_unreadable_and_other_files_are_rejected_one_by_one(model, capsys):
    night = make_night(model)
    good = Path("films/good.dcm").read_bytes()
    Path("films/cut.dcm").write_bytes(good[: len(good) // 2])
    Path("films/empty.dcm").touch()
    Path("films/letter.txt").write_text("Dear colleague")
    hand = make.make_readable_image(2, study="2", BodyPartExamined="HAND")
    make.save_image(hand, Path("films/hand.dcm"))

    assert command(*night) == 0

    images = SCORED_IMAGES.read(Path("night/score"))
    became = {Path(p).name: r for p, r in zip(images.path, images.reason, strict=True)}
    assert became == {
        "cut.dcm": "undecodable",
        "empty.dcm": "not_dicom",
        "good.dcm": "",
        "hand.dcm": "not_chest",
        "letter.txt": "not_dicom",
    }
    told = capsys.readouterr().out
    assert "hand.dcm: rejected not_chest: " in told
    assert "good.dcm: scored p=" in told


# The shell --------------------------------------------------------------------------


def test_the_shell_sees_one_line_on_stderr_and_exit_code_1():
    make_hospital(REPORTS.replace("ASF", "maybe"))
    before = files_below(Path())

    done = subprocess.run(
        ["cxrmlops", "cohort"],
        env=os.environ | SURROUNDINGS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: reports.csv: column 'conclusion': 1 of 2 row")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert files_below(Path()) == before
