import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.preprocess import network_square, preprocessing_hash
from cxrmlops.data.shards import gather, open_shards
from cxrmlops.params import PreprocessParams
from cxrmlops.records.tables import CANDIDATE_PATHS, IMAGES, INDEX, beside
from cxrmlops.stages import preprocess
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import DataError, ResourceError
from cxrmlops.system.files import sha256_folder, write_json
from tests.data.test_decoding import image
from tests.make import SCOPE, make_images, make_site, read_any_image

pytestmark = pytest.mark.integration

SIZE = 32
CHUNK = 8


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_WORKERS", "0")
    monkeypatch.setattr(preprocess, "CHUNK", CHUNK)


def make_cohort(n: int) -> pd.DataFrame:
    """Write n films and their cohort table."""
    Path("films").mkdir()
    images = make_images(patients=n)
    paths = images[["image_id"]].assign(
        path=[f"{k}.png" for k in range(n)], outcome="included"
    )
    CANDIDATE_PATHS.write(paths.astype(CANDIDATE_PATHS.columns), beside(Path("cohort")))
    requests = [image(Path("films", path), seed=k) for k, path in enumerate(paths.path)]
    images["bytes"] = [one.bytes for one in requests]
    images = images.astype(IMAGES.columns)
    IMAGES.write(images, Path("cohort"))
    write_json(Path("cohort/scope.json"), SCOPE.to_json())
    return images


def run(out: str = "out", *, per_shard: int = 10) -> Path:
    preprocess.run(
        cohort=Path("cohort"),
        out=Path(out),
        params=PreprocessParams(size=SIZE, images_per_shard=per_shard),
        site=make_site(Path()),
    )
    return Path(out)


def test_every_image_is_in_the_index_and_its_square_where_the_index_says():
    images = make_cohort(5)
    Path("films/1.png").write_bytes(b"")
    Path("films/3.png").unlink()

    out = run(per_shard=2)

    index = INDEX.read(out)
    assert index.image_id.tolist() == images.image_id.tolist()
    assert index.rejected.tolist() == ["", "file_changed", "", "file_changed", ""]
    assert index["shard"].tolist() == [0, -1, 0, -1, 1]
    assert index["row"].tolist() == [0, -1, 1, -1, 0]
    good = index[index.rejected == ""]
    squares = gather(open_shards(out), *good[["shard", "row"]].to_numpy().T)
    for square, name in zip(squares, ("0.png", "2.png", "4.png"), strict=True):
        wanted, _ = network_square(read_any_image(Path("films", name)).image, size=SIZE)
        np.testing.assert_array_equal(square, wanted)


def test_the_summary_names_the_policy_and_counts_rejections():
    make_cohort(3)
    Path("films/1.png").unlink()

    out = run()

    assert json.loads((out / "preprocessing.json").read_text()) == {
        "hash": preprocessing_hash(size=SIZE),
        "size": SIZE,
        "scope": SCOPE.to_json(),
        "n": 2,
        "rejected": {"file_changed": 1},
    }


def test_the_number_of_workers_changes_no_byte(monkeypatch):
    make_cohort(3 * CHUNK)
    none = run("none")

    monkeypatch.setenv("CXR_WORKERS", "2")
    two = run("two")

    assert sha256_folder(none) == sha256_folder(two)
    assert {path.name for path in none.iterdir()} == {
        "index.parquet",
        "preprocessing.json",
        "shard-000.npy",
        "shard-001.npy",
        "shard-002.npy",
    }


@pytest.mark.parametrize("finished", [0, 1, 2])
def test_a_killed_run_goes_on_where_it_stopped(monkeypatch, finished):
    images = make_cohort(3 * CHUNK)
    Path("films/2.png").unlink()
    whole = sha256_folder(run("whole"))
    asked = []
    real = preprocess.decode_images

    def dies(requests, **options):
        asked.append(len(requests))
        for done, decoded in enumerate(real(requests, **options)):
            if len(asked) == 1 and done == finished * CHUNK + 5:
                raise KeyboardInterrupt
            yield decoded

    monkeypatch.setattr(preprocess, "decode_images", dies)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not Path("out").exists()
    for half, last in (("half a square", "shard-*.npy"), ("[{", "rows.jsonl")):
        for path in sorted(Path(".work/preprocess").glob(f"*/{last}"))[-1:]:
            path.write_bytes(path.read_bytes() + half.encode())

    run()

    assert asked == [len(images), len(images) - finished * CHUNK]
    assert sha256_folder(Path("out")) == whole
    assert not Path(".work/preprocess").exists()


def test_work_on_other_inputs_is_not_taken_up(monkeypatch):
    make_cohort(2)
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "_hand_over", lambda work, out: None)
        run()

    images = IMAGES.read(Path("cohort"))
    IMAGES.write(images.iloc[:1], Path("cohort"))

    assert len(INDEX.read(run())) == 1


def test_a_full_disk_is_one_sentence_and_finished_work_is_kept(monkeypatch):
    make_cohort(2 * CHUNK)
    real = preprocess.ShardWriter.add

    def full(self, square):
        if self._count == CHUNK:
            raise OSError(28, "No space left on device")
        return real(self, square)

    monkeypatch.setattr(preprocess.ShardWriter, "add", full)
    with pytest.raises(ResourceError, match="no disk space left"):
        run()

    assert not Path("out").exists()
    rows = next(Path(".work/preprocess").glob("*/rows.jsonl")).read_text()
    assert len(rows.splitlines()) == 1


def test_when_nothing_can_be_read_the_stage_stops_in_one_sentence():
    make_cohort(2)
    for path in Path("films").iterdir():
        path.unlink()

    with pytest.raises(DataError, match="no film of 2 could be read: 2 rejected") as no:
        run()

    assert "\n" not in str(no.value)
    assert not Path("out").exists()


def test_an_empty_cohort_is_refused():
    make_cohort(1)
    IMAGES.write(IMAGES.empty(), Path("cohort"))

    with pytest.raises(DataError, match="the cohort has no films"):
        run()


def test_progress_is_told_without_names(monkeypatch, caplog):
    make_cohort(CHUNK)
    monkeypatch.setattr(ProgressTimer, "due", lambda _timer: 1.0)

    with caplog.at_level(logging.INFO):
        run()

    assert f"preprocess: {CHUNK}/{CHUNK} films, " in caplog.text
    assert "images/s, 0 rejected" in caplog.text
    assert f"preprocess: {CHUNK} films, 0 rejected" in caplog.text
    assert not any(path in caplog.text for path in ("0.png", "1.png"))


def test_statistics_are_those_of_the_image():
    make_cohort(1)

    index = INDEX.read(run()).iloc[0]

    assert index["p01"] < index["p50"] < index["p99"]
    assert 0 < index["std"] < 1
    assert len(index["pixel_hash"]) == 64
    assert np.isfinite([index["mean"], index["black"], index["border"]]).all()


def test_a_clone_that_does_not_know_where_the_images_lie_says_so():
    make_cohort(2)
    (beside(Path("cohort")) / CANDIDATE_PATHS.name).unlink()

    with pytest.raises(DataError, match=r"where 2 film\(s\).*run the stage 'cohort'"):
        run()
