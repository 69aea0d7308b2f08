import logging

import pytest

from cxrmlops.data.split_membership import split_hash
from cxrmlops.params import load_params
from cxrmlops.records.tables import SPLITS
from cxrmlops.stages import gate
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import read_json, sha256_file
from tests.evaluation.gates.test_gate import VALIDATION, case, group
from tests.make import make_splits
from tests.make_records import estimate, make_examination

pytestmark = pytest.mark.integration


def run(folder, given, *, validation=VALIDATION):
    SPLITS.write(given["images"], folder / "split")
    metrics = given["metrics"]
    given["manifest"].write(folder / "split" / "manifest.json")
    metrics.write(folder / "evaluate" / "figures.json")
    validation.write(folder / "validate" / "report.json")
    found = make_examination(split_hash=metrics.split_hash)
    found.write(folder / "examine" / "examination.json")
    gate.run(
        evaluate=folder / "evaluate",
        examine=folder / "examine",
        split=folder / "split",
        validate=folder / "validate",
        out=folder / "gate",
        params=load_params().gate,
    )
    return read_json(folder / "gate" / "verdict.json")


def test_a_good_model_passes_and_every_gate_says_why(tmp_path):
    verdict = run(tmp_path, case(groups=[group()]))

    assert verdict["outcome"] == "passed"
    assert verdict["reasons"] == []
    assert verdict["bundle_hash"] == "b" * 64
    for each in verdict["gates"]:
        assert set(each) == {"name", "value", "bound", "n", "verdict", "reason"}
        assert each["reason"]


def test_a_refusal_is_a_completed_stage_with_one_line_a_reason(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    weak = {"auc": estimate(0.9, 0.93, 0.95), "ece": estimate(0.0, 0.05, 0.08)}

    verdict = run(tmp_path, case(figures=weak))

    assert verdict["outcome"] == "refused"
    assert verdict["reasons"] == [
        "AUC: 95 % lower bound 0.9000 is under 0.9400",
        "calibration error: 95 % upper bound 0.0800 is over 0.0600",
    ]
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == [f"gate: {reason}" for reason in verdict["reasons"]]
    assert lines[2] == (
        "gate: refused, 2 of 24 questions failed and 19 passed; 3 not assessed: "
        "maps.pointing, maps.inside, maps.pixel_auc"
    )


def test_a_verdict_on_too_little_is_neither_and_says_how_little(tmp_path):
    small = [group(level=str(n), n=10, n_asf=5, auc=None) for n in range(100)]

    verdict = run(tmp_path, case(groups=small))

    assert verdict["outcome"] == "not assessed"
    (reason,) = verdict["reasons"]
    assert reason.startswith("103 of 123 questions not assessed, more than")
    page = (tmp_path / "gate" / "gate.html").read_text()
    assert "<title>Gate: not assessed</title>" in page
    assert "too few answers: 20 of 124 questions passed; 103 not assessed" in page
    assert read_json(tmp_path / "gate" / "metrics.json")["gate"] == "not assessed"


def test_a_leaking_split_is_refused_whatever_the_manifest_says(tmp_path):
    images = make_splits(patients=30)
    images.loc[29, "patient_id"] = images.loc[0, "patient_id"]
    given = case(images=images)
    assert given["manifest"].hash == split_hash(images.image_id, images.split)

    verdict = run(tmp_path, given)

    assert verdict["reasons"] == ["in more than one split: patients 1"]


def test_twice_gives_the_same_verdict(tmp_path):
    run(tmp_path, case(groups=[group()]))
    once = sha256_file(tmp_path / "gate" / "verdict.json")
    run(tmp_path, case(groups=[group()]))

    assert sha256_file(tmp_path / "gate" / "verdict.json") == once


def test_missing_figures_name_the_stage_to_run(tmp_path):
    SPLITS.write(make_splits(), tmp_path / "split")

    with pytest.raises(DataError, match="run the stage 'evaluate'"):
        gate.run(
            evaluate=tmp_path / "evaluate",
            examine=tmp_path / "examine",
            split=tmp_path / "split",
            validate=tmp_path / "validate",
            out=tmp_path / "gate",
            params=load_params().gate,
        )
