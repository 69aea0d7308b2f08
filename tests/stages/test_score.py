import datetime as dt
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrmlops.data.backlog_image import list_backlog
from cxrmlops.params import ScoreParams
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES, WATCHED
from cxrmlops.stages import score
from cxrmlops.system.errors import BundleError, DataError, ParamsError
from cxrmlops.system.files import read_json
from tests.deadly import die_on_the_second_image
from tests.make import (
    SCOPE,
    make_lungs,
    make_readable_image,
    make_reading_bundle,
    save_image,
)
from tests.model.make import GOOD

pytestmark = pytest.mark.integration

STARTED = dt.datetime(2026, 5, 2, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_reading_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    monkeypatch.setenv("CXR_WORKERS", "0")


def params(**quirks) -> ScoreParams:
    values = {
        "accelerator": "cpu",
        "batch_size": 3,
        "chunk_studies": 10,
        "saliency_method": "evidence",
        "settle_minutes": 0,
        "window_days": 1,
        "fetch_studies": 1,
    }
    return ScoreParams.model_validate(values | quirks)


def read(folder, bundle, out, *, scope=SCOPE, **quirks):
    score.run(
        paths=list_backlog(folder),
        bundle=bundle,
        out=out,
        params=params(**quirks),
        scope=scope,
        started=STARTED,
    )
    return SCORED_IMAGES.read(out), SCORED_STUDIES.read(out)


def put(folder, name, *arguments, **attributes):
    return save_image(make_readable_image(*arguments, **attributes), folder / name)


@pytest.fixture(scope="module")
def backlog(tmp_path_factory) -> Path:
    """Give two studies (two films and one), a lateral, a hip, a child, a text."""
    folder = tmp_path_factory.mktemp("night") / "backlog"
    put(folder, "a1.dcm", 1, study="1")
    put(folder, "a2.dcm", 2, study="1")
    put(folder, "b.dcm", 3, study="2")
    lateral = make_readable_image(4, study="3")
    lateral.ViewPosition = "LL"
    save_image(lateral, folder / "lateral.dcm")
    put(folder, "hip.dcm", 5, study="4", BodyPartExamined="HIP")
    put(folder, "child.dcm", 6, study="5", PatientAge="007Y")
    (folder / "notes.txt").write_text("nothing to see")
    return folder


@pytest.fixture(scope="module")
def night(backlog, bundle):
    """Give the folder, films and studies of that backlog, read once."""
    out = backlog.parent / "score"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_WORKERS", "0")
        return out, *read(backlog, bundle, out)


@pytest.mark.parametrize("method", ["evidence", "gradcam"])
def test_several_networks_read_a_night_as_one(backlog, tmp_path, caplog, method):
    caplog.set_level(logging.INFO)
    several = make_reading_bundle(tmp_path / "several", networks=2, limit=1e6)

    images, _ = read(backlog, several, tmp_path / "out", saliency_method=method)

    logits = []
    for seed in (0, 1):
        one = make_reading_bundle(tmp_path / f"one{seed}", seed=seed)
        alone, _ = read(backlog, one, tmp_path / f"out{seed}")
        logits.append(alone[alone.outcome == "scored"].set_index("path").logit)
    scored = images[images.outcome == "scored"].set_index("path")
    assert len(scored) == 3
    np.testing.assert_allclose(scored.logit, sum(logits) / 2, atol=1e-4)
    assert scored.evidence_rows.eq(2).all()
    assert "2 networks read each film: 2 times the time of one" in caplog.text


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_answers_say_in_which_precision_they_were_read(
    tmp_path, monkeypatch, precision
):
    monkeypatch.setattr("cxrmlops.model.precision.has_bf16", lambda device: True)
    put(tmp_path / "films", "a.dcm")
    bundle = make_reading_bundle(tmp_path / "bundle", agreement=(GOOD,))

    _, studies = read(tmp_path / "films", bundle, tmp_path / "out", precision=precision)

    assert read_json(tmp_path / "out" / "model.json")["precision"] == precision
    assert list(studies.outcome) == ["scored"]


def test_every_file_has_exactly_one_outcome(night):
    _, images, _ = night

    outcome = {
        Path(p).name: r or "scored"
        for p, r in zip(images.path, images.reason, strict=True)
    }
    assert outcome == {
        "a1.dcm": "scored",
        "a2.dcm": "scored",
        "b.dcm": "scored",
        "lateral.dcm": "lateral",
        "hip.dcm": "not_chest",
        "child.dcm": "child",
        "notes.txt": "not_dicom",
    }


def test_an_image_unlike_those_learnt_from_is_rejected_and_its_study_keeps_the_rest(
    backlog, tmp_path
):
    near = make_reading_bundle(tmp_path / "near", limit=1e9)
    images, _ = read(backlog, near, tmp_path / "all")
    distance = images[images.outcome == "scored"].set_index("path").distance
    assert distance.nunique() == len(distance) == 3
    first, last = distance.sort_values().iloc[[0, -1]]

    limit = float(first + last) / 2
    tight = make_reading_bundle(tmp_path / "tight", limit=limit)
    images, studies = read(backlog, tight, tmp_path / "some")

    far = distance.index[distance > limit]
    refused = images[images.reason == "out_of_distribution"]
    assert set(refused.path) == set(far)
    assert set(images[images.outcome == "scored"].path) == set(distance.index) - set(
        far
    )
    assert refused.probability.isna().all()
    assert refused.detail.str.contains(f"limit {limit:.1f}").all()
    kept = {path.name for path in (tmp_path / "some" / "images").glob("*.npy")}
    scored = np.flatnonzero(images.outcome == "scored")
    assert kept == {f"{number:06}.npy" for number in scored}
    answered = set(studies[studies.outcome == "scored"].study_instance_uid)
    assert answered == set(images[images.outcome == "scored"].study_instance_uid)


def test_without_a_cloud_no_distance_is_known_and_none_is_refused(night):
    _, images, _ = night

    assert images.distance.isna().all()
    assert not (images.reason == "out_of_distribution").any()


def test_a_study_is_answered_by_the_rule_of_the_bundle(night):
    _, images, studies = night

    first = studies.iloc[0]
    own = images[images.study_instance_uid == first.study_instance_uid]
    assert (first.n_images, first.n_scored) == (2, 2)
    assert first.probability == own.probability.max()
    assert first.answer_balanced == ("ASF" if first.probability >= 0.5 else "NSF")
    assert first.analysed_at == "2026-05-02T02:30:00+02:00"
    assert (first.accession_number, first.study_date) == ("ACC1", "20240501")


def test_a_study_without_a_scored_image_says_why(night):
    _, _, studies = night

    rejected = studies[studies.outcome == "rejected"]
    assert list(rejected.reason) == ["child", "not_chest", "lateral"]
    assert rejected.probability.isna().all()
    assert (rejected.answer_balanced == "").all()


def test_rows_are_rounded_and_hold_the_whole_map(night):
    _, images, _ = night

    image = images[images.outcome == "scored"].iloc[0]
    evidence = np.frombuffer(image.evidence, "<f2")
    assert image.probability == round(image.probability, 4)
    assert image.logit == round(image.logit, 4)
    assert len(evidence) == image.evidence_rows * image.evidence_columns == 4
    assert len(image.evidence) <= 4096


def test_reading_pictures_lie_beside_the_rows(night):
    out, images, _ = night

    image = images[images.outcome == "scored"].iloc[0]
    picture = np.load(out / image.picture, allow_pickle=False)
    assert picture.dtype == np.uint8
    assert max(picture.shape) == 1024
    assert len(list((out / "images").glob("*.npy"))) == 3
    assert len(list((out / "images").glob("*.dcm"))) == 3  # their headers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_rows_are_the_same_for_any_number_of_workers(
    backlog, bundle, night, tmp_path, monkeypatch, workers
):
    _, alone, _ = night
    monkeypatch.setenv("CXR_WORKERS", workers)

    many, _ = read(backlog, bundle, tmp_path / "many", batch_size=2)

    pd.testing.assert_frame_equal(alone, many)


def test_a_copy_of_an_image_is_scored_once(bundle, tmp_path):
    folder = tmp_path / "backlog"
    put(folder, "1.dcm", 1)
    put(folder, "2.dcm", 1)
    other = make_readable_image(2)
    other.PixelData = make_readable_image(1).PixelData
    save_image(other, folder / "3.dcm")
    elsewhere = make_readable_image(1, study="2")
    save_image(elsewhere, folder / "4.dcm")

    images, studies = read(folder, bundle, tmp_path / "score")

    assert list(images.reason) == ["", "duplicate", "duplicate", ""]
    assert images.detail[1].endswith("the same pixels")
    assert list(studies.n_scored) == [1, 1]
    assert len(list((tmp_path / "score/images").iterdir())) == 2 * 2  # header, picture


def test_two_pictures_under_one_uid_are_both_named_and_neither_is_read(
    bundle, tmp_path
):
    folder = tmp_path / "backlog"
    put(folder, "1.dcm", 1)
    changed = make_readable_image(1)
    changed.PixelData = make_readable_image(7).PixelData
    save_image(changed, folder / "2.dcm")

    images, studies = read(folder, bundle, tmp_path / "score")

    assert list(images.reason) == ["uid_conflict", "uid_conflict"]
    assert list(images.detail) == 2 * ["same SOP Instance UID, other pixels"]
    assert list(studies.outcome) == ["rejected"]
    assert not list((tmp_path / "score/images").iterdir())


def test_png_and_jpeg_images_are_scored_each_as_its_own_study(bundle, tmp_path):
    folder = tmp_path / "backlog"
    folder.mkdir()
    for number, suffix in enumerate(("png", "jpg")):
        values = (make_lungs(seed=number) >> 4).astype(np.uint8)
        Image.fromarray(values).save(folder / f"film.{suffix}")

    images, studies = read(folder, bundle, tmp_path / "score")

    assert list(images.outcome) == ["scored", "scored"]
    assert (images.sop_class_uid == "").all()
    assert images.study_instance_uid.nunique() == len(studies) == 2


def test_a_picture_is_told_by_its_bytes_and_not_by_its_name(bundle, tmp_path):
    folder = tmp_path / "backlog"
    put(folder, "really_dicom.png", 1)
    (folder / "really_text.dcm").write_text("text " * 100)

    images, _ = read(folder, bundle, tmp_path / "score")

    assert list(images.reason) == ["", "not_dicom"]


def test_a_uid_that_is_none_cannot_reach_a_report(bundle, tmp_path):
    folder = tmp_path / "backlog"
    image = make_readable_image(1)
    image.SeriesInstanceUID = ""
    save_image(image, folder / "a.dcm")

    images, studies = read(folder, bundle, tmp_path / "score")

    assert list(images.reason) == ["no_identity"]
    assert list(studies.outcome) == ["rejected"]


def test_an_empty_backlog_gives_empty_tables(bundle, tmp_path):
    (tmp_path / "backlog").mkdir()

    images, studies = read(tmp_path / "backlog", bundle, tmp_path / "score")

    assert images.empty
    assert studies.empty


def test_results_inside_the_backlog_are_not_read_again(bundle, tmp_path):
    folder = tmp_path / "backlog"
    put(folder, "a.dcm", 1)
    put(folder / "out", "b.dcm", 2)

    assert list_backlog(folder, skip=[folder / "out"]) == [folder / "a.dcm"]


def test_nothing_at_that_place_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder .*/absent"):
        list_backlog(tmp_path / "absent")


def test_a_bundle_for_other_pixels_is_refused_before_anything_is_read(
    backlog, tmp_path
):
    other = make_reading_bundle(tmp_path / "other", preprocessing_hash="0" * 64)

    with pytest.raises(BundleError, match="preprocess"):
        read(backlog, other, tmp_path / "score")

    assert not (tmp_path / "score").exists()


def test_a_missing_bundle_is_refused(backlog, tmp_path):
    with pytest.raises(BundleError, match="no model bundle"):
        read(backlog, tmp_path / "absent", tmp_path / "score")


def test_an_unknown_saliency_method_is_refused_and_nothing_is_left(
    backlog, bundle, tmp_path
):
    with pytest.raises(ParamsError, match="sunshine"):
        read(backlog, bundle, tmp_path / "score", saliency_method="sunshine")

    assert not list(tmp_path.glob("*score*"))


def test_another_saliency_method_fills_the_same_grid(backlog, bundle, tmp_path):
    out = tmp_path / "score"
    images, _ = read(backlog, bundle, out, saliency_method="gradcam")

    grid = np.frombuffer(images.evidence[0], "<f2")
    assert grid.size == 4
    assert 0 <= grid.min() <= grid.max() <= 1
    assert read_json(out / "model.json")["saliency_method"] == "gradcam"


def test_limits_of_a_file_are_kept(bundle, tmp_path):
    folder = tmp_path / "backlog"
    put(folder, "a.dcm", 1)

    scope = replace(SCOPE, max_pixels=1000)
    narrow = make_reading_bundle(tmp_path / "bundle", scope=scope)
    images, _ = read(folder, narrow, tmp_path / "score", scope=scope)

    assert list(images.reason) == ["too_large"]


@pytest.mark.parametrize(
    "other",
    [
        {"min_age_years": 6},
        {"chest_words": ("CHEST", "RIBS")},
        {"max_pixels": 1},
        {"max_bytes": 1},
        {"views": ("PA",)},
    ],
)
def test_a_model_made_for_other_images_reads_none(other, backlog, bundle, tmp_path):
    with pytest.raises(BundleError, match=next(iter(other))):
        read(backlog, bundle, tmp_path / "score", scope=replace(SCOPE, **other))

    assert not (tmp_path / "score").exists()


def test_no_name_or_number_reaches_the_log(backlog, bundle, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")

    read(backlog, bundle, tmp_path / "score")

    said = caplog.text + "".join(capfd.readouterr())
    for secret in ("SYN0001", "Synthetic", "ACC1", "1.2.826", "19700101", "a1.dcm"):
        assert secret not in said
    assert "7 files: 3 scored, 4 rejected" in said


def test_an_image_that_kills_its_decoder_costs_only_itself(
    backlog, bundle, tmp_path, monkeypatch
):
    monkeypatch.setenv("CXR_WORKERS", "1")
    monkeypatch.setattr(score, "read_backlog_image", die_on_the_second_image)

    images, studies = read(backlog, bundle, tmp_path / "score")

    assert images.reason[1] == "undecodable"
    assert "crashed" in images.detail[1]
    assert (images.outcome == "scored").sum() == 2
    assert studies.n_scored.sum() == 2


def test_what_the_watch_compares_stands_row_by_row_beside_the_studies(night):
    out, _, studies = night

    watched = WATCHED.read(out)

    assert watched.outcome.tolist() == studies.outcome.tolist()
    scored = watched[watched.outcome == "scored"]
    assert scored.logit.notna().all()
    assert scored["mean"].between(0, 1).all()
    assert set(scored["view"]) == {"PA"}
    assert set(scored.age_band) == {"50-59"}
    lateral = watched[(studies.reason == "lateral").to_numpy()]
    assert lateral.kind.tolist() == ["out_of_scope"]


def test_nobody_is_named_in_what_the_watch_compares(night):
    out, images, _ = night

    content = (out / "watched.parquet").read_bytes()

    for value in (*images.study_instance_uid, "ACC1"):
        assert value.encode() not in content or value == ""
