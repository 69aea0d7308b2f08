import json
from pathlib import Path

import pandas as pd
import pytest

from cxrmlops.params import SplitParams
from cxrmlops.records.tables import NOT_EVALUABLE, QUARANTINE, SPLITS, VALIDATED
from cxrmlops.stages import split
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import sha256_folder
from tests.make import make_validated

pytestmark = pytest.mark.integration


def params(**changed) -> SplitParams:
    defaults = {
        "policy": "patient",
        "seed": 1,
        "train": 0.7,
        "val": 0.2,
        "test": 0.1,
        "near_duplicate_bits": 24,
    }
    return SplitParams(**(defaults | changed))


def run(
    folder: Path,
    images: pd.DataFrame,
    out: str = "out",
    *,
    quarantine: list[dict[str, object]] | None = None,
    **changed,
) -> Path:
    VALIDATED.write(images, folder / "validate")
    QUARANTINE.write(QUARANTINE.from_rows(quarantine or []), folder / "validate")
    split.run(validate=folder / "validate", out=folder / out, params=params(**changed))
    return folder / out


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def test_every_image_gets_a_side_and_its_patients_side(tmp_path):
    images = make_validated(patients=60, per_patient=2)

    table = SPLITS.read(run(tmp_path, images))

    assert table.image_id.tolist() == images.image_id.tolist()
    assert (table.groupby("patient_id").split.nunique() == 1).all()
    sides = table.drop_duplicates("patient_id").split.value_counts()
    assert sides.to_dict() == {"train": 42, "val": 12, "test": 6}


def test_near_duplicates_of_two_patients_stay_on_one_side(tmp_path):
    images = make_validated(patients=60)
    near = int(images.perceptual_hash[3], 16) ^ 0b111
    images.loc[0, "perceptual_hash"] = f"{near:0128x}"

    table = SPLITS.read(run(tmp_path, images))

    assert table.group[[0, 3]].tolist() == ["P000", "P000"]
    assert table.split[0] == table.split[3]
    assert table.group.nunique() == 59


def lost(patient: str, study: str, image: str, reason: str) -> dict[str, object]:
    named = {"patient_id": patient, "study_id": study, "image_id": image}
    return named | {"abnormal": True, "reason": reason}


def test_a_study_without_a_readable_image_stands_on_its_patients_side(tmp_path):
    images = make_validated(patients=60)
    rows = [
        lost("P001", "lost", "b", "too_few_rows|blank"),
        lost("P001", "lost", "a", "blank"),
        lost("P002", str(images.study_id[2]), "c", "blank"),  # its other film is good
    ]

    out = run(tmp_path, images, quarantine=rows)

    found = NOT_EVALUABLE.read(out)
    sides = SPLITS.read(out).set_index("patient_id").split
    assert found.to_dict("records") == [
        {
            "study_id": "lost",
            "patient_id": "P001",
            "split": sides["P001"],
            "abnormal": True,
            "reason": "blank|too_few_rows",
        }
    ]


def test_patients_without_any_readable_image_are_drawn_by_the_same_fractions(tmp_path):
    images = make_validated(patients=60)
    rows = [lost(f"L{k:03d}", f"S{k}", f"F{k}", "blank") for k in range(1000)]

    found = NOT_EVALUABLE.read(run(tmp_path, images, quarantine=rows))
    again = NOT_EVALUABLE.read(run(tmp_path, images, "again", quarantine=rows[::-1]))

    share = found.split.value_counts(normalize=True)
    assert share["train"] == pytest.approx(0.7, abs=0.05)
    assert share["test"] == pytest.approx(0.1, abs=0.03)
    assert found.equals(again)


def test_the_manifest_counts_what_the_table_holds(tmp_path):
    out = run(tmp_path, make_validated(patients=60, per_patient=2))

    found = manifest(out)

    test = SPLITS.read(out).query("split == 'test'")
    assert found["n"]["test"] == {
        "images": len(test),
        "studies": test.study_id.nunique(),
        "patients": test.patient_id.nunique(),
        "abnormal_studies": test[test.abnormal].study_id.nunique(),
    }
    assert (found["policy"], found["leaking_patients"]) == ("patient", 0)


def test_same_seed_same_bytes_other_seed_other_name(tmp_path):
    images = make_validated(patients=60)

    one, two = run(tmp_path, images, "one"), run(tmp_path, images, "two")
    other = run(tmp_path, images, "other", seed=2)

    assert sha256_folder(one) == sha256_folder(two)
    assert manifest(one)["hash"] != manifest(other)["hash"]
    assert manifest(one)["test_hash"] != manifest(other)["test_hash"]


def test_the_test_hash_knows_test_rows_only(tmp_path):
    images = make_validated(patients=60)
    out = run(tmp_path, images)
    table = SPLITS.read(out)
    train = table.split == "train"

    fewer = split.split_hash(table.image_id[~train], table.split[~train])

    assert fewer != manifest(out)["hash"]
    test = table.split == "test"
    assert manifest(out)["test_hash"] == split.split_hash(
        table.image_id[test], table.split[test]
    )


def test_the_case_policy_says_how_many_patients_leak(tmp_path, caplog):
    out = run(tmp_path, make_validated(patients=60, per_patient=3), policy="case")

    table = SPLITS.read(out)
    sides = table.groupby("patient_id").split.nunique()
    assert manifest(out)["policy"] == "case"
    assert manifest(out)["leaking_patients"] == (sides > 1).sum() > 0
    assert "leaks" in caplog.text


def test_too_few_patients_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DataError, match=r"split 'test' has no images: 4 patients"):
        run(tmp_path, make_validated(patients=4))

    assert not (tmp_path / "out").exists()


def test_counts_add_up_to_the_images(tmp_path):
    out = run(tmp_path, make_validated(patients=60))

    counts = json.loads((out / "counts.json").read_text())

    assert sum(n for part in counts.values() for n in part.values()) == 60
    assert set(counts) == {"ASF AP", "ASF PA", "NSF AP", "NSF PA"}
