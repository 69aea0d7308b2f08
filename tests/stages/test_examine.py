import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.placement import placed
from cxrmlops.data.squares import image_squares
from cxrmlops.dicom.identity import pseudonym, pseudonym_key
from cxrmlops.evaluation.examination.image_changes import CHANGES
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.saliency import evidence_on_image
from cxrmlops.params import ExamineParams
from cxrmlops.records.tables import INDEX, SPLITS
from cxrmlops.reporting.overlay import above_threshold
from cxrmlops.stages import examine
from cxrmlops.system.errors import DataError, LeakError
from cxrmlops.system.files import read_json, sha256_folder, write_json
from tests.make import make_splits
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration

PARAMS = ExamineParams(studies=20, map_images=4, road_images=2, seed=1)


def run(folder, out="examine", **changes):
    examine.run(
        preprocess=folder / "preprocess",
        split=folder / "split",
        train=folder / "train",
        out=folder / out,
        params=PARAMS.model_copy(update=changes),
    )
    return folder / out


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A cohort whose vendor follows the label, as its brightness does."""
    images = make_splits(patients=200)
    images["manufacturer"] = images.abnormal.map({True: "Gamma", False: "Alpha"})
    images = images.astype(SPLITS.columns)
    folder = make_line(tmp_path_factory.mktemp("line"), images, size=96)
    run(folder)
    return folder


def test_a_planted_shortcut_is_found(line):
    found = read_json(line / "examine" / "examination.json")

    reached = {p["name"]: p["auc"] for p in found["shortcuts"]}
    assert reached["manufacturer"]["value"] == 1
    assert reached["view"]["low"] < 0.55
    assert reached["thumbnail"]["value"] > 0.95  # abnormal films are brighter
    assert reached["source"] is None


def test_the_drawn_studies_are_val_studies_and_counted(line):
    found = read_json(line / "examine" / "examination.json")

    assert (found["n_drawn_studies"], found["n_drawn_images"]) == (20, 20)
    assert found["n_val_studies"] == 60  # of train/studies.parquet


def test_heat_maps_of_the_network_are_checked(line):
    maps = read_json(line / "examine" / "examination.json")["maps"]

    assert (maps["n_images"], maps["grid"]) == (4, [3, 3])
    assert maps["repeated"]["noise"]["value"] > maps["redrawn"]["conv1"]["value"]
    assert 0 <= maps["all_redrawn"]["value"] <= 1
    assert maps["all_redrawn"]["n"] == 4
    assert maps["road"]["n"] == 2


def test_several_networks_are_examined_as_one(tmp_path):
    line = make_line(tmp_path, make_splits(patients=100), size=96, networks=2)

    found = read_json(run(line) / "examination.json")

    assert found["maps"]["road"]["n"] == 2
    assert {each["name"] for each in found["robustness"]} == set(CHANGES)


def test_every_change_of_the_images_is_measured(line):
    found = read_json(line / "examine" / "examination.json")["robustness"]

    assert [each["name"] for each in found] == list(CHANGES)
    for each in found:
        assert 0 <= each["median"] <= each["p95"] <= 1
        assert each["n"] == each["auc_change"]["n"] == 20


def test_the_page_stands_alone_and_shows_every_probe(line):
    page = (line / "examine" / "report.html").read_text(encoding="utf-8")

    for probe in read_json(line / "examine" / "examination.json")["shortcuts"]:
        assert f"<td>{examine_words(probe['name'])}</td>" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def examine_words(name):
    from cxrmlops.reporting.examination_report import PROBES

    return PROBES.get(name, name)


def test_no_pseudonym_of_a_patient_or_study_leaves_the_stage(line):
    text = "".join(path.read_text() for path in (line / "examine").iterdir())

    images = SPLITS.read(line / "split")
    for name in (*images.study_id, *images.image_id):
        assert name not in text


def test_pixels_of_test_are_never_read(tmp_path):
    images = make_splits(patients=60)
    folder = make_line(tmp_path, images)
    once = sha256_folder(run(folder))
    shard = np.load(folder / "preprocess" / "shard-000.npy")
    shard[images.row[images.split == "test"]] = 0
    np.save(folder / "preprocess" / "shard-000.npy", shard)

    assert sha256_folder(run(folder, "again")) == once


def test_a_bundle_of_another_split_is_refused(tmp_path):
    folder = make_line(tmp_path, make_splits(patients=60))
    manifest = read_json(folder / "split" / "manifest.json") | {"hash": "0" * 64}
    write_json(folder / "split" / "manifest.json", manifest)

    with pytest.raises(LeakError, match="learnt from split"):
        run(folder)


def test_boxes_of_train_and_val_are_compared_and_those_of_test_are_not(tmp_path):
    images = make_splits(patients=60)
    key = pseudonym_key()
    images["image_id"] = pd.array(
        [pseudonym(key, "image", "nih", f"film{k}") for k in range(60)], dtype="string"
    )
    folder = make_line(tmp_path, images, size=96)
    lines = [f"film{k}.png,Mass,10,20,300,400,,," for k in (0, 1, 2, 50, 59)]
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *lines]))

    found = read_json(run(folder, boxes=path) / "examination.json")["boxes"]

    assert [(each["split"], each["n_images"]) for each in found] == [
        ("train", 3),
        ("val", 1),
    ]
    assert found[0]["area"]["value"] == pytest.approx(300 * 400 / 1024**2, abs=0.01)
    assert "drew a box" in (folder / "examine" / "report.html").read_text()


def test_a_missing_index_names_the_stage_to_run(tmp_path):
    folder = make_line(tmp_path, make_splits(patients=60))
    (folder / "preprocess" / "index.parquet").unlink()

    with pytest.raises(DataError, match="run the stage 'preprocess'"):
        run(folder)


def test_boxes_are_compared_in_the_frame_of_a_film_that_is_not_square(tmp_path):
    """A film half as wide as high: its box of the right half is none of the padding."""
    images = make_splits(patients=60)
    key = pseudonym_key()
    images["image_id"] = pd.array(
        [pseudonym(key, "image", f"1.2.{k}") for k in range(60)], dtype="string"
    )
    folder = make_line(tmp_path, images, size=96)
    index = INDEX.read(folder / "preprocess")
    index["columns"] = index["rows"] // 2
    INDEX.write(index, folder / "preprocess")
    path = tmp_path / "boxes.csv"
    lines = [f"1.2.{k},0.5,0,0.5,1" for k in range(60)]
    path.write_text("\n".join(["sop_instance_uid,left,top,width,height", *lines]))

    seen = []
    measure = examine.measure_boxes

    def look(images, heat, boxes, *, seed):
        seen.append((images, heat))
        return measure(images, heat, boxes, seed=seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examine, "measure_boxes", look)
        val = read_json(run(folder, boxes=path) / "examination.json")["boxes"][1]

    assert val["area"]["value"] == 0.5
    ((images, heat),) = seen
    bundle = read_bundle(folder / "train" / "bundle")
    square = image_squares(folder / "preprocess")(images[:1])
    answers = Reader(bundle).read(square)
    shown = above_threshold(
        answers.evidence[0],
        pooling="mean",
        logit_of_image=float(answers.logit[0]),
        temperature=bundle.card.temperature,
        threshold=bundle.identity.balanced.threshold,
    )
    narrow = placed(200, 100, size=96)
    assert (narrow.left, narrow.width) == (24, 48)
    expected = evidence_on_image(
        shown,
        narrow,
        places=bundle.identity.cell_places,
        rows=heat.shape[1],
        columns=heat.shape[2],
    )
    np.testing.assert_allclose(heat[0], expected, atol=1e-4)
