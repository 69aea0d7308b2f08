"""The whole line on made-up films: by `dvc repro`, and by hand on the same films."""

import contextlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import pandas as pd
import pydicom
import pytest

from cxrmlops.model.bundle import bundle_hash
from cxrmlops.quickstart.demo import copy_checkout
from cxrmlops.records.tables import (
    CANDIDATE_PATHS,
    CANDIDATES,
    HISTORY,
    IMAGES,
    INDEX,
    QUARANTINE,
    REPORTS,
    SCORED_IMAGES,
    SCORED_STUDIES,
    SPLITS,
    STUDIES,
    VALIDATED,
    beside,
)
from cxrmlops.system.files import read_json
from cxrphantom.cohort import make_cohort
from tests.conftest import ROOT
from tests.pipeline.project import (
    STAGES,
    copy_code,
    copy_images,
    files_below,
    make_project,
    run,
    run_in_one_process,
)

pytestmark = pytest.mark.slow

FILES = {  # stage -> what it leaves, folders named with what is in them
    "cohort": {"candidates.parquet", "images.parquet", "reports.parquet", "flow.svg"}
    | {"exclusions.json", "scope.json"},
    "preprocess": {"index.parquet", "preprocessing.json"}
    | {f"shard-00{n}.npy" for n in range(3)},
    "validate": {"images.parquet", "quarantine.parquet", "report.json", "docs/"},
    "split": {"images.parquet", "counts.json", "manifest.json"}
    | {"not_evaluable.parquet"},
    "train": {"bundle/", "history.parquet", "studies.parquet", "training.json"}
    | {"origin.json"},
    "examine": {"examination.json", "report.html"},
    "gate": {"verdict.json", "metrics.json", "gate.html"},
}
TABLES = [
    ("cohort", CANDIDATES),
    ("cohort", IMAGES),
    ("cohort", REPORTS),
    ("preprocess", INDEX),
    ("validate", VALIDATED),
    ("validate", QUARANTINE),
    ("split", SPLITS),
    ("train", STUDIES),
    ("train", HISTORY),
    ("evaluate", STUDIES),
    ("score", SCORED_IMAGES),
    ("score", SCORED_STUDIES),
]
OF_STUDY = {  # truth.csv: study -> what becomes of its good films
    "reported": "included",
    "uncertain": "uncertain_label",
    "disputed": "disputed_label",
    "outside_window": "outside_dates",
    "no_report": "no_report",
}
SR = "1.2.840.10008.5.1.4.1.1.88.34"
SC = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True)
class Line:
    """One line by DVC, run twice, and one by hand."""

    folder: Path
    by_hand: Path
    first: str  # what dvc said
    second: str
    before: dict[str, int]  # when each file was written, before the second
    after: dict[str, int]

    def data(self, stage: str) -> Path:
        return self.folder / "data" / stage


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Line:
    top = tmp_path_factory.mktemp("line")
    one, two = top / "by_dvc", make_project(top / "by_hand")
    with contextlib.chdir(ROOT):
        copy_checkout(one)
    own_code = copy_code(one)
    make_project(one)
    make_cohort(
        one / "data/raw", studies=220, backlog_studies=8, seed=3, side=96, workers=2
    )
    copy_images(one / "data/raw", two)
    both = own_code | {"MLFLOW_TRACKING_URI": f"sqlite:///{top / 'mlflow.db'}"}
    score = "score data/raw/backlog --out data/night"

    first = run(one, "dvc", "repro", **both)
    run(one, "cxrmlops", *score.split(), **both)
    before = written(one)
    second = run(one, "dvc", "repro", **both)
    after = written(one)
    run_in_one_process(two, *STAGES, score, **both)
    for folder in (one, two):
        for stage in ("score", "report"):
            (folder / "data/night" / stage).rename(folder / "data" / stage)
    return Line(one, two, first, second, before, after)


def written(folder: Path) -> dict[str, int]:
    files = (path for path in (folder / "data").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def truth(line: Line) -> pd.DataFrame:
    return pd.read_csv(line.data("raw") / "truth.csv", dtype=str, keep_default_na=False)


def planned(row) -> str:
    """Say what should become of a film of truth.csv in the cohort."""
    return OF_STUDY[row.study] if row.image == "included" else row.image


@pytest.mark.parametrize("stage", FILES)
def test_a_stage_leaves_exactly_its_files(line, stage):
    left = {p.name + "/" * p.is_dir() for p in line.data(stage).iterdir()}

    assert left == FILES[stage]


def test_the_evaluation_can_be_read_without_a_network(line):
    folder = line.data("evaluate")
    page = (folder / "report.html").read_text()

    assert {p.suffix for p in folder.iterdir()} == {
        ".json",
        ".parquet",
        ".svg",
        ".html",
        "",  # plots/, for DVC
    }
    assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.parametrize(("stage", "table"), TABLES)
def test_every_table_keeps_its_columns(line, stage, table):
    frame = table.read(line.data(stage))

    assert len(frame)


def test_every_image_that_came_in_is_counted_once(line):
    summary = read_json(line.data("cohort") / "exclusions.json")
    validated, quarantine = (
        table.read(line.data("validate")) for table in (VALIDATED, QUARANTINE)
    )

    came = sum(p.is_file() for p in (line.data("raw") / "films").rglob("*"))
    assert came == summary["looked_at"]
    assert came == summary["included"] + sum(summary["excluded"].values())
    assert summary["included"] == len(INDEX.read(line.data("preprocess")))
    assert summary["included"] == len(validated) + len(quarantine)
    assert len(validated) == len(SPLITS.read(line.data("split")))


def test_every_image_becomes_what_was_planned(line):
    images = CANDIDATES.read(line.data("cohort"))
    index = INDEX.read(line.data("preprocess"))
    undecoded = index[index.rejected != ""].set_index("image_id").rejected

    became = images.outcome.where(
        images.outcome != "included", images.image_id.map(undecoded).fillna("included")
    )
    rows = truth(line)
    rows = rows[rows.path.str.startswith("films/")]
    expected = {
        row.path.removeprefix("films/"): planned(row) for row in rows.itertuples()
    }
    paths = CANDIDATE_PATHS.read(beside(line.data("cohort"))).path
    assert dict(zip(paths, became, strict=True)) == expected
    assert set(expected.values()) >= {"included", "lateral", "child", "blank"}


def test_every_label_is_the_planned_one(line):
    images = IMAGES.read(line.data("cohort"))
    abnormal = truth(line).set_index("path").abnormal

    paths = CANDIDATE_PATHS.read(beside(line.data("cohort")))
    path_of = paths[paths.outcome == "included"].set_index("image_id").path
    told = abnormal[("films/" + images.image_id.map(path_of)).tolist()] == "true"
    assert told.tolist() == images.abnormal.tolist()


def test_a_patient_is_never_on_two_sides(line):
    images = SPLITS.read(line.data("split"))
    rows = CANDIDATE_PATHS.read(beside(line.data("cohort")))
    path = rows[rows.outcome == "included"].set_index("image_id").path
    person = (
        images.image_id.map(path).str.split("/").str[0]
    )  # the archive's own folders

    assert set(images.split) == {"train", "val", "test"}
    assert person.notna().all()
    assert images.split.groupby(person).nunique().max() == 1
    assert images.split.groupby(images.patient_id).nunique().max() == 1


def test_only_test_patients_are_evaluated(line):
    images = SPLITS.read(line.data("split"))
    sides = {
        stage: set(STUDIES.read(line.data(stage)).study_id)
        for stage in ("train", "evaluate")
    }

    assert sides["train"] == set(images.study_id[images.split == "val"])
    assert sides["evaluate"] == set(images.study_id[images.split == "test"])


def test_the_verdict_is_about_this_bundle_and_this_split(line):
    verdict = read_json(line.data("gate") / "verdict.json")
    gates = {gate["name"]: gate["verdict"] for gate in verdict["gates"]}

    assert verdict["bundle_hash"] == bundle_hash(line.data("train") / "bundle")
    manifest = read_json(line.data("split") / "manifest.json")
    assert verdict["split_hash"] == manifest["hash"]
    honest = ("data_validation", "no_leak", "same_data", "thresholds", "test_studies")
    assert [gates[name] for name in honest] == ["pass"] * len(honest)
    assert (verdict["outcome"] == "passed") == (not verdict["reasons"])


def test_a_second_repro_runs_no_stage_but_the_cohorts_own_look(line):
    assert re.findall("Running stage '(.*)'", line.first) == list(STAGES)
    assert re.findall("Running stage '(.*)'", line.second) == ["cohort"]
    assert "cohort: unchanged" in line.second
    assert line.before == line.after


def test_by_hand_and_by_dvc_everything_is_the_same(line):
    def result(folder: Path) -> dict[str, bytes]:
        kept = ("data/evaluate", "data/gate", "data/report", "data/train/bundle")
        files = files_below(folder).items()
        return {name: content for name, content in files if name.startswith(kept)}

    one, two = result(line.folder), result(line.by_hand)

    assert "data/evaluate/figures.json" in one
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} == set()


def test_a_colleague_without_images_pulls_the_data_and_evaluates_the_same(
    line, tmp_path
):
    place, clone = line.folder, tmp_path / "clone"
    (place / ".dvc/config.local").write_text("")  # git is asked again
    commit = ("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "trained")
    code = {"PYTHONPATH": str(clone / "src")}

    run(place, "dvc", "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    for words in (["init", "-q"], ["add", "-A"], commit):
        run(place, "git", *words)
    run(place, "dvc", "push")
    run(tmp_path, "git", "clone", "-q", str(place), str(clone))
    run(clone, "dvc", "pull", **code)
    pulled = files_below(clone / "data")
    nothing = run(clone, "dvc", "repro", "--single-item", "evaluate", **code)
    run(clone, "dvc", "repro", "--single-item", "--force", "evaluate", **code)

    assert "didn't change, skipping" in nothing
    assert not (clone / "data/raw").exists()
    assert not (clone / "data/local").exists()
    assert "train/bundle/weights.safetensors" in pulled
    assert files_below(clone / "data") == pulled
    shown = run(clone, "dvc", "metrics", "show", "--md")
    assert "gates_not_assessed" in shown
    assert max(map(len, shown.splitlines())) < 320


def test_every_image_of_the_night_is_scored_or_rejected_as_planned(line):
    images = SCORED_IMAGES.read(line.data("score"))
    rows = truth(line)
    waiting = rows[rows.path.str.startswith("backlog/")]

    name = images.path.str.partition("/data/raw/")[2]
    became = images.reason.where(images.outcome == "rejected", "included")
    assert dict(zip(name, became, strict=True)) == dict(
        zip(waiting.path, waiting.image, strict=True)
    )


def test_every_study_of_the_night_has_one_report_that_others_can_read(line):
    studies = SCORED_STUDIES.read(line.data("score"))
    answered = set(studies.study_instance_uid[studies.outcome == "scored"])
    reports = objects(line, SR)

    about = [str(one.StudyInstanceUID) for one in reports]
    assert len(about) == len(set(about))
    assert answered <= set(about)
    for path in (Path(one.filename) for one in reports):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = hd.sr.srread(path).content
        assert content.get_planar_roi_measurement_groups()
        assert path.stem == pydicom.dcmread(path).SOPInstanceUID


def test_every_scored_image_has_one_overlay(line):
    images = SCORED_IMAGES.read(line.data("score"))
    captures = objects(line, SC)
    overlays = [c for c in captures if not c.DerivationDescription.startswith("Page")]

    assert len(overlays) == (images.outcome == "scored").sum()
    assert all(one.pixel_array.shape[2] == 3 for one in captures)


def objects(line: Line, sop_class: str) -> list[pydicom.FileDataset]:
    found = (
        pydicom.dcmread(path) for path in sorted(line.data("report").glob("*.dcm"))
    )
    return [one for one in found if one.SOPClassUID == sop_class]


def test_nothing_unfinished_is_left(line):
    left = [p for folder in (line.folder, line.by_hand) for p in folder.rglob("*.part")]
    work = [p for p in (line.folder / ".work").rglob("*") if p.suffix != ".lock"]

    assert not left
    assert not work
