import re

import pytest
from pydantic import ValidationError

from cxrmlops.records.cohort_scope import CohortScope
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.results import FailedStudies, WrittenObjects
from cxrmlops.records.split import SplitManifest, StratumCounts
from cxrmlops.records.validation import Validation
from cxrmlops.records.verdict import Verdict
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import write_json
from documentation.records import FILES, models
from tests import make_records
from tests.make import SCOPE, make_manifest, make_preprocessing

SIDE = {"images": 3, "studies": 2, "patients": 2, "abnormal_studies": 1}
MANIFEST = {
    "policy": "patient",
    "seed": 1,
    "hash": "1" * 64,
    "test_hash": "2" * 64,
    "n": {"train": SIDE, "val": SIDE, "test": SIDE},
    "groups_of_several_patients": 0,
    "leaking_patients": 0,
}
GATES = [  # counts stay whole numbers, shares stay decimal ones
    {"name": "auc", "value": 0.92, "bound": 0.9, "n": 300, "verdict": "pass",
     "reason": "AUC: 95 % lower bound 0.9200 reaches 0.9000"},
    {"name": "no_leak", "value": 0, "bound": 0, "n": 3, "verdict": "pass",
     "reason": "no patient on two sides"},
    {"name": "validated", "value": 1.0, "bound": 1, "n": None, "verdict": "fail",
     "reason": "é"},
    {"name": "road", "value": None, "bound": 0.0, "n": 4, "verdict": "not_assessed",
     "reason": "too few"},
]  # fmt: skip
HASHES = dict.fromkeys(("bundle_hash", "split_hash", "test_hash"), "a" * 64)
EXPECTATION = {
    "table": "cohort",
    "reason": "unknown_word_view",
    "expectation": "expect_column_values_to_be_in_set",
    "column": "view",
    "limits": {"value_set": ["PA", "AP"]},
    "success": True,
    "failed": 0,
    "observed": None,
}
COUNTED = {"column": "studies", "limits": {"min_value": 100.0}, "observed": 1888}
OBJECT = {
    "study_instance_uid": "1.2",
    "kind": "fhir",
    "series_instance_uid": "",
    "sop_class_uid": "",
    "sop_instance_uid": "1.2.3",
    "file": "fhir/1.2.3.json",
}
MODEL = {
    "name": "cxr",
    "bundle_hash": "b" * 64,
    "key": "cxr|b",
    "architecture": "resnet18",
    "size": 128,
    "preprocessing_hash": "c" * 64,
    "temperature": 1.0,
    "study_rule": "max",
    "operating_points": [{"name": "balanced", "threshold": 0.4, "rule": "equal"}],
    "pooling": "mean",
    "cell_places": [15.5, 47.5],
    "precision": "bf16",
    "saliency_method": "evidence",
}
CONTENTS = [
    (CohortScope, SCOPE.to_json()),
    (SplitManifest, MANIFEST),
    (StratumCounts, {"ASF PA": {"train": 3, "val": 1}}),
    (Validation, {"success": True, "n": 3, "quarantined": 0,
                  "expectations": [EXPECTATION, EXPECTATION | COUNTED]}),
    (Verdict, {"outcome": "refused", "reasons": ["é"], "gates": GATES} | HASHES),
    (ScoringModel, MODEL),
    (WrittenObjects, [OBJECT]),
    (FailedStudies, {"1.2": "image_gone"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content"), CONTENTS)
def test_what_was_read_is_written_again_byte_by_byte(tmp_path, kind, content):
    write_json(tmp_path / "before.json", content)

    kind.read(tmp_path / "before.json").write(tmp_path / "after.json")

    before = (tmp_path / "before.json").read_bytes()
    assert (tmp_path / "after.json").read_bytes() == before


@pytest.mark.parametrize(
    "record",
    [
        make_records.make_cohort_summary(),
        make_preprocessing(),
        make_records.make_training(),
        make_records.make_metrics(),
        make_records.make_examination(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_was_written_is_read_again(tmp_path, record):
    record.write(tmp_path / "record.json")

    assert type(record).read(tmp_path / "record.json") == record


def test_a_missing_file_names_the_stage_that_writes_it(tmp_path):
    path = tmp_path / "chunk-1" / "model.json"

    with pytest.raises(
        DataError,
        match=rf"^{re.escape(str(path))} is missing; run the stage 'score' \(the "
        r"night's run, or cxrmlops score\) first$",
    ):
        ScoringModel.read(path)


def test_every_wrong_field_is_named_with_its_place_and_never_its_value(tmp_path):
    wrong = MANIFEST | {"seed": "Smith", "leaks": 1}
    wrong["n"] = {"train": SIDE | {"images": 1.5}}
    del wrong["policy"]
    write_json(tmp_path / "manifest.json", wrong)

    with pytest.raises(DataError) as error:
        SplitManifest.read(tmp_path / "manifest.json")

    said = str(error.value)
    assert said.startswith(
        f"{tmp_path / 'manifest.json'} is not what its stage writes, run the stage "
        "'split' (dvc repro) again: "
    )
    for place in ("policy: ", "seed: ", "leaks: ", "n.train.images: "):
        assert place in said
    assert "Smith" not in said


@pytest.mark.parametrize(
    ("kind", "content"),
    [(CohortScope, SCOPE.to_json()), (SplitManifest, MANIFEST), (ScoringModel, MODEL)],
)
def test_an_unknown_name_is_refused(tmp_path, kind, content):
    write_json(tmp_path / "record.json", content | {"new": 1})

    with pytest.raises(DataError, match="new: "):
        kind.read(tmp_path / "record.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"\xff"', b"[" * 100_000])
def test_a_file_that_holds_no_such_record_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(DataError, match="is not what its stage writes"):
        SplitManifest.read(tmp_path / "manifest.json")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_figure_without_an_end_is_no_estimate(number):
    with pytest.raises(ValidationError):
        Estimate(value=0.5, low=0.4, high=number, n=10)


def test_a_record_never_changes():
    with pytest.raises(ValidationError, match="frozen"):
        make_manifest().seed = 2


def test_a_private_record_is_its_owners_alone(tmp_path):
    WrittenObjects(()).write(tmp_path / "objects.json", private=True)

    assert (tmp_path / "objects.json").stat().st_mode & 0o777 == 0o600


def test_every_json_file_of_a_stage_has_one_model_but_the_bundle():
    files = [kind.file for kind in models() if hasattr(kind, "file")]

    assert sorted([*files, "train/bundle/model.json"]) == sorted(
        f"{s}/{f}" for s, f, _ in FILES
    )
