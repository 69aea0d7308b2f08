import json
from pathlib import Path

import pandas as pd
import pytest

from cxrmlops.params import ValidateParams
from cxrmlops.records.tables import IMAGES, INDEX, QUARANTINE, VALIDATED
from cxrmlops.stages import validate
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import sha256_folder
from tests.make import make_images, make_index

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def params(**changed) -> ValidateParams:
    defaults = {
        "min_studies": 10,
        "min_rows": 256,
        "min_columns": 256,
        "max_quarantined": 0.10,
        "abnormal_low": 0.02,
        "abnormal_high": 0.80,
        "max_unknown_view": 0.20,
    }
    return ValidateParams(**(defaults | changed))


def run(images: pd.DataFrame, index: pd.DataFrame, out: str = "out", **changed) -> Path:
    IMAGES.write(images, Path("cohort"))
    INDEX.write(index, Path("preprocess"))
    validate.run(
        cohort=Path("cohort"),
        preprocess=Path("preprocess"),
        out=Path(out),
        params=params(**changed),
    )
    return Path(out)


def test_every_image_is_kept_or_quarantined():
    images = make_images(patients=40)
    index = make_index(images)
    images.loc[3, "view"] = "lateral"
    index.loc[7, "rejected"] = "blank"
    index.loc[9, ["rows", "std"]] = [10, 0.0]

    out = run(images, index)

    kept, quarantine = VALIDATED.read(out), QUARANTINE.read(out)
    assert sorted([*kept.image_id, *quarantine.image_id]) == sorted(images.image_id)
    assert dict(zip(quarantine.image_id, quarantine.reason, strict=True)) == {
        images.image_id[3]: "unknown_word_view",
        images.image_id[7]: "blank",
        images.image_id[9]: "too_few_rows|nearly_constant",
    }


def test_what_is_kept_has_its_place_in_the_shards():
    images = make_images(patients=40)
    index = make_index(images)
    images.loc[0, "view"] = "lateral"

    kept = VALIDATED.read(run(images, index))

    assert kept["row"].tolist() == list(range(1, 40))
    assert kept.pixel_hash.tolist() == index.pixel_hash[1:].tolist()


def test_the_report_counts_each_promise():
    images = make_images(patients=40)
    images.loc[[3, 4], "view"] = "lateral"

    report = json.loads((run(images, make_index(images)) / "report.json").read_text())

    assert (report["success"], report["n"], report["quarantined"]) == (True, 40, 2)
    failed = {e["reason"]: e["failed"] for e in report["expectations"] if e["failed"]}
    assert failed == {"unknown_word_view": 2}


def test_twice_the_same_gives_the_same_bytes():
    images = make_images(patients=40)
    images.loc[3, "view"] = "lateral"

    hashes = {
        sha256_folder(run(images, make_index(images), out)) for out in ("one", "two")
    }

    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"min_studies": 41}, r"studies left: 40, at least 41 allowed .*min_studies"),
        ({"abnormal_low": 0.6}, r"abnormal studies: 0.5, at least 0.6 and at most 0.8"),
        ({"abnormal_high": 0.4}, r"abnormal studies: 0.5, .* at most 0.4"),
        ({"max_unknown_view": 0.04}, r"unknown view: 0.05, at most 0.04"),
        ({"min_rows": 2000}, r"quarantined: 1, at most 0.1.*max_quarantined"),
    ],
)
def test_a_set_that_breaks_a_promise_stops_and_writes_nothing(changed, sentence):
    images = make_images(patients=40)
    images.loc[[3, 4], "view"] = "unknown"

    with pytest.raises(DataError, match=sentence) as stop:
        run(images, make_index(images), **changed)

    assert "\n" not in str(stop.value)
    assert not Path("out").exists()


def test_a_refused_set_leaves_its_docs_and_names_behind():
    images = make_images(patients=40)

    with pytest.raises(DataError, match=r"\.work/validate/docs/index\.html"):
        run(images, make_index(images), min_rows=2000)

    assert Path(".work/validate/docs/index.html").exists()
    assert len(QUARANTINE.read(Path(".work/validate"))) == 40


def test_a_good_run_clears_what_a_refused_one_left():
    images = make_images(patients=40)
    with pytest.raises(DataError):
        run(images, make_index(images), min_rows=2000)

    run(images, make_index(images))

    assert not Path(".work/validate").exists()


def test_a_refusal_leaves_the_last_good_result_alone():
    images = make_images(patients=40)
    before = sha256_folder(run(images, make_index(images)))

    with pytest.raises(DataError):
        run(images, make_index(images), min_studies=1000)

    assert sha256_folder(Path("out")) == before


def test_tables_of_different_images_are_refused():
    images = make_images(patients=40)

    with pytest.raises(DataError, match="list different films"):
        run(images, make_index(images).iloc[:-1])


def test_an_empty_cohort_is_refused():
    with pytest.raises(DataError, match="studies left: 0, at least 10 allowed"):
        run(IMAGES.empty(), INDEX.empty())
