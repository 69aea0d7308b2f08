import json
import logging

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.model import precision
from cxrmlops.model.bundle import bundle_hash, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.training_patients import JUDGED, LEARNT, hashed_patient_ids
from cxrmlops.model.watch_reference import from_arrays
from cxrmlops.records.origin import UNTOLD, Origin
from cxrmlops.records.tables import HISTORY, SPLITS, STUDIES
from cxrmlops.stages import train
from cxrmlops.system.errors import DataError, LeakError, ParamsError, ResourceError
from cxrmlops.system.files import WORK, only_run, sha256_file
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY
from tests.make import make_train_inputs, make_train_params, write_reading_bundle
from tests.make_records import make_origin

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # three engines more for each bundle, most of the time; `tests/flows` makes some
    monkeypatch.setattr(precision, "has_openvino", lambda: False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small films: a second thread costs more than it gives
    yield
    torch.set_num_threads(before)


def run(folder, *, out="train", on_epoch=lambda _: None, origin=UNTOLD, **quirks):
    train.run(
        preprocess=folder / "preprocess",
        split=folder / "split",
        out=folder / out,
        params=make_train_params(**quirks),
        on_epoch=on_epoch,
        origin=origin,
    )
    return folder / out


def test_a_bundle_can_be_read_and_says_where_it_comes_from(tmp_path, caplog):
    make_train_inputs(tmp_path)
    told = []

    with caplog.at_level(logging.INFO):
        out = run(tmp_path, on_epoch=told.append)

    bundle = read_bundle(out / "bundle")
    card = bundle.card
    training = json.loads((out / "training.json").read_text())
    assert card.preprocessing_hash == "0" * 64
    assert card.lineage["split_hash"] == "1" * 64
    assert card.lineage["test_hash"] == "2" * 64
    assert card.lineage["params"]["architecture"] == "resnet18_narrow"
    assert [point.name for point in card.operating_points] == [
        BALANCED,
        HIGH_SENSITIVITY,
    ]
    assert bundle.reference["intensity"].sum() == 6 * 32 * 32
    assert bundle.reference["probability"].sum() == 6
    assert training["bundle_hash"] == bundle.hash
    history = HISTORY.read(out)
    assert [figures["epoch"] for figures in told] == history.epoch.tolist() == [1, 2]
    assert set(told[0]) == set(HISTORY.columns)
    assert "images/s" in caplog.text


def test_a_bundle_holds_how_near_bf16_is_to_fp32_on_val(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    make_train_inputs(tmp_path)

    out = run(tmp_path, accelerator="cpu")

    found, *_ = read_bundle(out / "bundle").card.agreement
    assert (found.precision, found.device, found.n) == ("bf16", "cpu", 6)
    assert 0 < found.largest_difference < 0.05


def test_a_bundle_marks_whom_it_learnt_from_and_nobody_of_test(tmp_path):
    _, split = make_train_inputs(tmp_path)

    out = run(tmp_path)

    kept = read_bundle(out / "bundle").reference[LEARNT]
    images = SPLITS.read(split)
    of_test = images.split == "test"
    assert set(kept) == set(hashed_patient_ids(images.patient_id[~of_test]))
    assert not np.isin(hashed_patient_ids(images.patient_id[of_test]), kept).any()


def test_a_bundle_begun_with_another_inherits_whom_that_one_learnt_from(tmp_path):
    make_train_inputs(tmp_path)
    learnt = {LEARNT: hashed_patient_ids(["an earlier patient"])}
    first = write_reading_bundle(tmp_path / "before", reference=learnt)

    out = run(tmp_path, weights=str(first / "weights.safetensors"))

    kept = read_bundle(out / "bundle").reference[LEARNT]
    assert np.isin(hashed_patient_ids(["an earlier patient"]), kept).all()


@pytest.mark.parametrize("side", ["val", "test"])
def test_weights_that_know_a_patient_of_val_or_test_are_refused(tmp_path, side):
    _, split = make_train_inputs(tmp_path)
    images = SPLITS.read(split)
    known = images.patient_id[images.split == side].iloc[0]
    learnt = {LEARNT: hashed_patient_ids([known])}
    first = write_reading_bundle(tmp_path / "before", reference=learnt)

    with pytest.raises(LeakError, match=r"train\.weights: .* trained on 1 patients"):
        run(tmp_path, weights=str(first / "weights.safetensors"))

    assert not (tmp_path / "train").exists()


def test_a_training_may_go_on_with_the_bundle_of_its_own_split(tmp_path):
    make_train_inputs(tmp_path)
    first = run(tmp_path, out="first", epochs=1)

    second = run(tmp_path, weights=str(first / "bundle"), learning_rate=1e-4)
    third = run(tmp_path, out="third", weights=str(second / "bundle"), epochs=1)

    marks = [read_bundle(each / "bundle").reference for each in (first, second, third)]
    for name in (LEARNT, JUDGED):
        assert np.array_equal(marks[0][name], marks[1][name])
        assert np.array_equal(marks[0][name], marks[2][name])
    card = read_bundle(second / "bundle").card
    assert card.lineage["weights_hash"] == sha256_file(
        first / "bundle/weights.safetensors"
    )


@pytest.mark.parametrize("moved", ["train", "test"])
def test_a_bundle_of_another_split_is_refused_for_whom_it_judged_by(tmp_path, moved):
    _, split = make_train_inputs(tmp_path)
    first = run(tmp_path, out="first", epochs=1)
    images = SPLITS.read(split)
    one = images.patient_id[images.split == "val"].iloc[0]
    images.loc[images.patient_id == one, "split"] = moved
    SPLITS.write(images, split)

    with pytest.raises(LeakError, match="patients of this split's (val|test)"):
        run(tmp_path, weights=str(first / "bundle"))


def test_weights_whose_patients_nobody_knows_are_warned_of(tmp_path, caplog):
    make_train_inputs(tmp_path)
    first = run(tmp_path, out="first", epochs=1)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes((first / "bundle/weights.safetensors").read_bytes())

    run(tmp_path, weights=str(moved), epochs=1)

    assert "nobody knows which patients" in caplog.text


def test_val_studies_hold_what_a_reader_of_the_bundle_says(tmp_path):
    preprocess, split = make_train_inputs(tmp_path)

    out = run(tmp_path)

    studies = STUDIES.read(out)
    images = SPLITS.read(split).set_index("study_id").loc[studies.study_id]
    squares = np.load(preprocess / "shard-000.npy")[images.row]
    answers = Reader(read_bundle(out / "bundle")).read(squares)
    assert set(studies.split) == {"val"}
    np.testing.assert_allclose(studies.logit, answers.logit, atol=1e-5)
    np.testing.assert_allclose(studies.probability, answers.probability, atol=1e-5)


@pytest.mark.parametrize("rule", ["max", "mean"])
def test_temperature_and_shift_are_fitted_to_studies_not_to_images(
    tmp_path, monkeypatch, rule
):
    _, split = make_train_inputs(tmp_path, per_study=2)
    seen = []

    def fit(logit, abnormal, side):
        fitted = fit_temperature(logit, abnormal, side)
        seen.append((np.asarray(logit), np.asarray(abnormal), fitted))
        return fitted

    monkeypatch.setattr(train, "fit_temperature", fit)
    out = run(tmp_path, study_rule=rule, epochs=1)

    ((logit, abnormal, fitted),) = seen
    studies, images = STUDIES.read(out), SPLITS.read(split)
    assert len(logit) == len(studies) == (images.split == "val").sum() / 2
    assert abnormal.tolist() == studies.abnormal.tolist()
    np.testing.assert_allclose(logit + fitted.shift, studies.logit, atol=1e-4)
    assert read_bundle(out / "bundle").card.temperature == fitted.temperature


def test_the_epoch_is_chosen_by_calibrated_studies_as_the_bundle_answers(tmp_path):
    make_train_inputs(tmp_path, patients=60, per_study=2)

    out = run(tmp_path, epochs=3)

    history, studies = HISTORY.read(out), STUDIES.read(out)
    best = history.loc[history.val_loss.idxmin()]
    asf, p = studies.abnormal.to_numpy(), studies.probability.to_numpy()
    loss = -np.log(np.where(asf, p, 1 - p)).mean()
    assert loss == pytest.approx(best.val_loss, abs=1e-3)
    told = json.loads((out / "training.json").read_text())
    assert (told["epochs"], told["best_epochs"]) == (3, [best.epoch])


def test_pixels_of_the_test_set_are_never_read(tmp_path):
    hashes = []
    for name in ("a", "b"):
        preprocess, split = make_train_inputs(tmp_path / name)
        if name == "b":
            squares = np.load(preprocess / "shard-000.npy")
            images = SPLITS.read(split)
            squares[images.row[images.split == "test"]] = 255
            np.save(preprocess / "shard-000.npy", squares)
        hashes.append(bundle_hash(run(tmp_path / name, epochs=1) / "bundle"))

    assert hashes[0] == hashes[1]


def test_the_order_of_rows_changes_nothing(tmp_path):
    hashes = []
    for name in ("a", "b"):
        _, split = make_train_inputs(tmp_path / name)
        if name == "b":
            SPLITS.write(SPLITS.read(split).sample(frac=1, random_state=1), split)
        hashes.append(bundle_hash(run(tmp_path / name, epochs=1) / "bundle"))

    assert hashes[0] == hashes[1]


def test_a_killed_stage_goes_on_and_gives_the_same_bundle(tmp_path, caplog):
    make_train_inputs(tmp_path)
    whole = bundle_hash(run(tmp_path, out="whole") / "bundle")

    def kill(_figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=kill)
    assert not (tmp_path / "train").exists()
    assert list((WORK / "train").rglob("epoch-*.safetensors"))
    with caplog.at_level(logging.INFO):
        out = run(tmp_path)

    assert "goes on after epoch 1" in caplog.text
    assert bundle_hash(out / "bundle") == whole
    assert not (WORK / "train").exists()


def test_a_training_killed_on_small_films_goes_on_and_gives_the_same_bundle(tmp_path):
    make_train_inputs(tmp_path, size=64)
    grown = {"progressive": [{"size": 32, "epochs": 1}], "epochs": 1}
    whole = run(tmp_path, out="whole", **grown)

    def kill(_figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=kill, **grown)
    out = run(tmp_path, **grown)

    assert HISTORY.read(out)["size"].tolist() == [32, 64]
    assert bundle_hash(out / "bundle") == bundle_hash(whole / "bundle")
    assert read_bundle(out / "bundle").card.size == 64


def test_several_seeds_make_one_bundle_also_when_killed_between_them(tmp_path, caplog):
    make_train_inputs(tmp_path, patients=60)
    whole = run(tmp_path, out="whole", seeds=2)

    def kill(figures):
        if figures["epoch"] == 2:  # the last of the first network
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=kill, seeds=2)
    with caplog.at_level(logging.INFO):
        out = run(tmp_path, seeds=2)

    bundle = read_bundle(out / "bundle")
    assert bundle.hash == bundle_hash(whole / "bundle")
    assert (bundle.card.networks, len(bundle.network.members)) == (2, 2)
    assert bundle.card.name == "cxr-resnet18_narrow-32-x2"
    assert HISTORY.read(out).network.tolist() == [1, 1, 2, 2]
    assert json.loads((out / "training.json").read_text())["networks"] == 2
    assert "a night takes 2 times as long" in caplog.text


def test_what_several_networks_say_of_val_is_what_thresholds_were_chosen_on(tmp_path):
    preprocess, split = make_train_inputs(tmp_path, patients=60)

    out = run(tmp_path, seeds=3, epochs=1)

    studies = STUDIES.read(out)
    images = SPLITS.read(split).set_index("study_id").loc[studies.study_id]
    squares = np.load(preprocess / "shard-000.npy")[images.row]
    answers = Reader(read_bundle(out / "bundle")).read(squares)
    np.testing.assert_allclose(studies.logit, answers.logit, atol=1e-5)
    np.testing.assert_allclose(studies.probability, answers.probability, atol=1e-5)
    told = json.loads((out / "training.json").read_text())
    asf = studies.abnormal.to_numpy()
    assert told["val_auc"] == pytest.approx(roc_auc_score(asf, studies.logit))
    assert not answers.unfamiliar.any()


def test_the_commit_is_that_of_the_first_start_and_changes_no_byte_of_the_bundle(
    tmp_path,
):
    make_train_inputs(tmp_path)

    def kill(_figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=kill, origin=make_origin(git_dirty="yes"))
    resumed = run(tmp_path, out="one", origin=make_origin(git_commit="d" * 40))
    fresh = run(tmp_path, out="two", origin=make_origin(git_commit="d" * 40))

    assert Origin.read(resumed / "origin.json") == make_origin(git_dirty="yes")
    assert Origin.read(fresh / "origin.json") == make_origin(git_commit="d" * 40)
    assert bundle_hash(resumed / "bundle") == bundle_hash(fresh / "bundle")


def test_unfinished_work_of_other_params_is_not_taken_up(tmp_path, caplog):
    make_train_inputs(tmp_path)

    def kill(_figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_epoch=kill)
    with caplog.at_level(logging.INFO):
        run(tmp_path, seed=2)

    assert "goes on" not in caplog.text


def test_a_second_training_in_the_checkout_is_refused(tmp_path):
    make_train_inputs(tmp_path)

    with (
        only_run("train"),
        pytest.raises(ResourceError, match="another 'train' runs in this checkout"),
    ):
        run(tmp_path)

    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize("side", ["train", "val"])
def test_an_empty_side_is_refused(tmp_path, side):
    _, split = make_train_inputs(tmp_path)
    images = SPLITS.read(split)
    SPLITS.write(images[images.split != side], split)

    with pytest.raises(DataError, match=f"split '{side}' holds 0 ASF and 0 NSF"):
        run(tmp_path)


def test_a_side_of_one_class_is_refused(tmp_path):
    _, split = make_train_inputs(tmp_path)
    images = SPLITS.read(split)
    SPLITS.write(images[(images.split != "val") | images.abnormal], split)

    with pytest.raises(DataError, match="split 'val' holds 3 ASF and 0 NSF"):
        run(tmp_path)


def test_missing_pixels_are_named_by_the_stage_to_run(tmp_path):
    preprocess, _ = make_train_inputs(tmp_path)
    (preprocess / "shard-000.npy").unlink()
    with pytest.raises(DataError, match="holds 0 shard.*run the stage 'preprocess'"):
        run(tmp_path)

    (preprocess / "preprocessing.json").unlink()
    with pytest.raises(DataError, match="run the stage 'preprocess'"):
        run(tmp_path)


def test_a_gpu_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    make_train_inputs(tmp_path)

    with pytest.raises(ResourceError, match="no CUDA GPU"):
        run(tmp_path, accelerator="gpu")


def test_an_unknown_architecture_leaves_nothing_half_written(tmp_path):
    make_train_inputs(tmp_path)

    with pytest.raises(ParamsError, match="no ResNet is called 'resnet19'"):
        run(tmp_path, architecture="resnet19")

    assert not (tmp_path / "train").exists()


def test_a_bundle_holds_the_studies_of_val_for_the_watch_and_names_nobody(tmp_path):
    _, split = make_train_inputs(tmp_path, patients=60)
    run(tmp_path)

    reference = from_arrays(read_bundle(tmp_path / "train/bundle").reference)

    val = SPLITS.read(split).query("split == 'val'")
    assert len(reference.studies) == val.study_id.nunique()
    assert reference.patients == val.patient_id.nunique()
    assert (reference.studies["mean"] == 0.5).all()  # as `preprocess` measured it
    studies = STUDIES.read(tmp_path / "train")
    assert sorted(reference.studies.logit) == pytest.approx(
        sorted(studies.logit), abs=1e-4
    )
    words = set(reference.studies.select_dtypes("string").to_numpy().ravel())
    assert not words & set(val.study_id) | words & set(val.patient_id)
