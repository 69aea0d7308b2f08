import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.params import EvaluateParams
from cxrmlops.records.tables import SPLITS, STUDIES
from cxrmlops.stages import evaluate
from cxrmlops.system.errors import BundleError, DataError, LeakError
from cxrmlops.system.files import read_json, sha256_folder, write_json
from tests.conftest import ROOT
from tests.make import make_preprocessing, make_splits, make_studies
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration

PARAMS = EvaluateParams(
    bootstrap_rounds=100, seed=1, ece_bins=5, prevalences=[0.05, 0.5]
)


def run(folder, out="evaluate"):
    evaluate.run(
        cohort=folder / "cohort",
        preprocess=folder / "preprocess",
        split=folder / "split",
        train=folder / "train",
        out=folder / out,
        params=PARAMS,
    )
    return folder / out


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    images = make_splits(patients=250, per_patient=2)
    # two films a study: every second study joins the one before it
    images["study_id"] = images.patient_id.astype("string")
    make_line(folder, images)
    written = logging.FileHandler(folder / "log.txt")
    logging.getLogger("cxrmlops").addHandler(written)
    logging.getLogger("cxrmlops").setLevel(logging.INFO)
    run(folder)
    logging.getLogger("cxrmlops").removeHandler(written)
    written.close()
    logging.getLogger("cxrmlops").setLevel(logging.NOTSET)
    return folder


@pytest.fixture
def small(tmp_path):
    return make_line(tmp_path, make_splits(patients=60))


def test_figures_are_those_of_the_written_studies(line):
    metrics = read_json(line / "evaluate" / "figures.json")
    studies = STUDIES.read(line / "evaluate")

    assert set(studies.split) == {"test"}
    auc = roc_auc_score(studies.abnormal, studies.probability)
    assert metrics["figures"]["auc"]["value"] == pytest.approx(auc)
    assert metrics["figures"]["auc"]["n"] == len(studies) == metrics["n_test_studies"]
    table = metrics["confusion"]["balanced"]
    found = metrics["figures"]["balanced.recall_asf"]
    assert found["value"] == pytest.approx(table["asf_found"] / studies.abnormal.sum())


def test_a_study_is_answered_by_its_most_abnormal_image(line):
    images = SPLITS.read(line / "split")
    test = images[images.split == "test"].sort_values("image_id")
    squares = np.load(line / "preprocess" / "shard-000.npy")[test.row.to_numpy()]
    reader = Reader(read_bundle(line / "train" / "bundle"), accelerator="cpu")

    answered = test.assign(probability=reader.read(squares).probability)

    studies = STUDIES.read(line / "evaluate")
    highest = answered.groupby("study_id").probability.max()
    np.testing.assert_allclose(
        studies.probability, highest.loc[studies.study_id], rtol=1e-5
    )
    assert (studies.n_images == 2).all()


def test_metrics_name_model_split_and_test_set(line):
    metrics = read_json(line / "evaluate" / "figures.json")
    manifest = read_json(line / "split" / "manifest.json")

    assert metrics["split_hash"] == manifest["hash"]
    assert metrics["test_hash"] == manifest["test_hash"]
    assert metrics["bundle_hash"] == read_bundle(line / "train" / "bundle").hash
    assert metrics["thresholds_moved"] == 0


def test_the_source_study_and_the_thumbnail_stand_beside_ours(line):
    metrics = read_json(line / "evaluate" / "figures.json")

    source = metrics["source_study"]
    assert source["confusion"]["asf_found"] == 914
    assert round(source["figures"]["recall_asf"]["low"], 3) == 0.878
    # the made-up films give the label away in their brightness, as a thumbnail sees
    assert metrics["thumbnail"]["auc"]["value"] > 0.95
    assert metrics["figures"]["auc_over_thumbnail"]["value"] < 0


def test_plots_of_dvc_find_their_columns(line):
    folder = line / "evaluate" / "plots"
    tables = {path.name: pd.read_csv(path) for path in folder.iterdir()}
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]

    asked = set()
    for plot in (next(iter(entry.values())) for entry in plots):
        ((path, columns),) = plot["y"].items()
        table = tables[Path(path).name]
        assert {plot["x"], *([columns] if isinstance(columns, str) else columns)} <= (
            set(table.columns)
        )
        asked.add(Path(path).name)
    assert asked == set(tables)
    shares = tables["probabilities.csv"][["nsf", "asf"]].sum()
    np.testing.assert_allclose(shares, 1, atol=1e-4)


def test_twice_gives_the_same_bytes(line):
    again = run(line, "again")

    assert sha256_folder(again) == sha256_folder(line / "evaluate")


def test_the_report_needs_no_other_file_and_names_no_patient(line):
    report = (line / "evaluate" / "report.html").read_text()

    assert "Not a medical device" in report
    assert not re.search(r"(src|href)=\"(?!data:)", report)
    assert "<script" not in report
    for name in STUDIES.read(line / "evaluate").patient_id:
        assert name not in report


def test_the_log_counts_and_names_nobody(line):
    log = (line / "log.txt").read_text()

    assert "evaluate: 25 studies, AUC" in log
    assert not re.search(r"P\d\d\d|S\d\d\d", log)


def test_an_empty_test_set_is_refused_before_an_image_is_read(tmp_path):
    images = make_splits(patients=30)
    images["split"] = images.split.replace("test", "val")
    folder = make_line(tmp_path, images)

    with pytest.raises(DataError, match="the test set is empty; enlarge the cohort"):
        run(folder)
    assert not (folder / "evaluate").exists()


def test_a_test_set_of_one_class_is_refused(tmp_path):
    images = make_splits(patients=30)
    images.loc[images.split == "test", "abnormal"] = True

    with pytest.raises(DataError, match="holds 3 ASF and 0 NSF studies"):
        run(make_line(tmp_path, images))


def test_a_bundle_for_other_pixels_is_refused(small):
    other = make_preprocessing(hash="f" * 64)
    other.write(small / "preprocess" / "preprocessing.json")

    with pytest.raises(BundleError, match="preprocessed another way"):
        run(small)


def test_a_bundle_that_learnt_from_another_split_is_refused(small):
    path = small / "split" / "manifest.json"
    write_json(path, read_json(path) | {"hash": "0" * 64})

    with pytest.raises(LeakError, match="its patients may be in this test set"):
        run(small)


def test_a_missing_input_names_the_stage_to_run(small):
    (small / "preprocess" / "preprocessing.json").unlink()

    with pytest.raises(DataError, match="run the stage 'preprocess'"):
        run(small)


def test_thresholds_that_val_does_not_give_are_told(small):
    STUDIES.write(make_studies(60, split="val", seed=2), small / "train")

    run(small)

    assert read_json(small / "evaluate" / "figures.json")["thresholds_moved"] > 0
    assert "val gives others today" in (small / "evaluate" / "report.html").read_text()


def test_a_split_that_names_a_missing_shard_is_refused(tmp_path):
    images = make_splits(patients=60)
    images["shard"] = 7

    with pytest.raises(DataError, match="holds 1 shard"):
        run(make_line(tmp_path, images))
