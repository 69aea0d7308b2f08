import json
import logging
import os

import pandas as pd
import pytest

from cxrmlops.data.cohort_state import FILES
from cxrmlops.params import CohortParams
from cxrmlops.records.tables import CANDIDATE_PATHS, CANDIDATES, IMAGES, REPORTS, beside
from cxrmlops.stages import cohort
from cxrmlops.system.errors import DataError, ResourceError
from tests.make import make_chest_image, make_site, save_image

pytestmark = pytest.mark.integration

PARAMS = CohortParams(
    start="2017-01-01",
    end="2018-07-01",
    min_age_years=18,
    max_file_mib=16,
    max_pixels=10_000_000,
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A hospital: three frontal studies, one lateral film, one report without film."""
    monkeypatch.chdir(tmp_path)
    for n in range(3):
        image = make_chest_image(study=f"1.{n}", patient=f"CANARY-{n}")
        save_image(image, tmp_path / f"films/{n}.dcm")
    lateral = make_chest_image(study="1.0", patient="CANARY-0", ViewPosition="LL")
    save_image(lateral, tmp_path / "films/lateral.dcm")
    write_reports(tmp_path, "1.0,NSF", "1.1,ASF", "1.2,uncertain", "1.9,NSF")
    return tmp_path


def write_reports(place, *lines: str) -> None:
    text = "\n".join(["study_instance_uid,conclusion", *lines]) + "\n"
    (place / "reports.csv").write_text(text)


def run(place, params=PARAMS, **site):
    out = place / "data/cohort"
    cohort.run(out=out, params=params, site=make_site(place, **site))
    return out


def summary(out):
    return json.loads((out / "exclusions.json").read_text())


def test_what_went_in_is_included_or_excluded(place):
    out = run(place)

    said = summary(out)
    assert said["looked_at"] == 4
    assert said["excluded"] == {"lateral": 1, "uncertain_label": 1}
    assert (said["included"], said["studies"], said["patients"]) == (2, 2, 2)
    assert said["reported_studies"]["excluded"] == {"no_image": 1, "uncertain_label": 1}
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert len(CANDIDATES.read(out)) == 4
    assert len(REPORTS.read(out)) == 4
    assert sorted(IMAGES.read(out).abnormal) == [False, True]


def test_no_output_names_a_patient_or_a_uid(place, caplog):
    with caplog.at_level(logging.DEBUG):
        out = run(place)

    tables = (IMAGES.read(out), CANDIDATES.read(out), REPORTS.read(out))
    texts = [frame.to_csv() for frame in tables]
    texts += [(out / name).read_text() for name in ("exclusions.json", "flow.svg")]
    for text in [*texts, caplog.text]:
        assert "canary" not in text.casefold()
        assert "1.2.840" not in text


def test_an_unchanged_folder_is_not_read_again(place, monkeypatch, caplog):
    out = run(place)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    monkeypatch.setattr(cohort, "read_images", None)

    with caplog.at_level(logging.INFO):
        run(place)

    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert "cohort: unchanged, 2 films" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda place: save_image(make_chest_image(study="1.9"), place / "films/9.dcm"),
        lambda place: (place / "films/0.dcm").unlink(),
        lambda place: os.utime(place / "films/0.dcm", (1, 1)),
        lambda place: write_reports(place, "1.0,NSF", "1.1,NSF"),
        lambda place: (place / "data/cohort/flow.svg").unlink(),
    ],
    ids=["new film", "lost film", "touched film", "reports", "lost output"],
)
def test_whatever_changed_makes_the_cohort_anew(place, change, caplog):
    out = run(place)
    change(place)

    with caplog.at_level(logging.INFO):
        run(place)

    assert "unchanged" not in caplog.text
    assert (out / "flow.svg").exists()


def test_another_setting_makes_the_cohort_anew(place):
    run(place)

    out = run(place, name="south")

    assert set(IMAGES.read(out).source) == {"south"}


def test_the_age_bound_is_asked_of_every_image(place):
    with pytest.raises(DataError, match="3 child"):
        run(place, PARAMS.model_copy(update={"min_age_years": 51}))


def test_times_of_files_do_not_move_rows(place):
    first = IMAGES.read(run(place))
    for n in (2, 0, 1):
        os.utime(place / f"films/{n}.dcm", (n, n))

    second = IMAGES.read(run(place))

    pd.testing.assert_frame_equal(
        first.drop(columns="mtime_ns"), second.drop(columns="mtime_ns")
    )


def test_a_list_restricts_the_cohort(place):
    (place / "list.txt").write_text("0.dcm\nnot-there.dcm\n")

    out = run(place, include=place / "list.txt")

    assert summary(out)["excluded"] == {"not_listed": 3}
    assert summary(out)["included"] == 1


def test_another_key_stops_with_one_sentence(place, monkeypatch):
    out = run(place)
    before = (out / "images.parquet").read_bytes()
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "another")

    with pytest.raises(DataError, match="set CXR_PSEUDONYM_KEY to the former key, or"):
        run(place)

    assert (out / "images.parquet").read_bytes() == before


def no_images(place):
    return {"films": place / "nowhere"}


def empty_folder(place):
    (place / "empty").mkdir()
    return {"films": place / "empty"}


def no_reports(place):
    return {"reports": place / "nowhere.csv"}


def other_reports(place):
    write_reports(place, "9.1,NSF", "9.2,ASF")
    return {}


def header_only(place):
    write_reports(place)
    return {}


def only_uncertain(place):
    write_reports(place, "1.0,uncertain", "1.1,disputed")
    return {}


def foreign_list(place):
    (place / "list.txt").write_text("other.dcm\n")
    return {"include": place / "list.txt"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_images, "films: there is no folder .*name the folder that holds the films"),
        (empty_folder, "empty holds no film file for the source 'hospital'"),
        (no_reports, r"reports: there is nothing at .*nowhere\.csv .*cxrmlops init"),
        (other_reports, "no report of .* belongs to a film below .*3 no_report"),
        (header_only, "holds no report; export it again"),
        (only_uncertain, "no film below .* is left .*1 uncertain_label"),
        (foreign_list, r"names none of the 4 film\(s\)"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_half_written(place, spoil, message):
    site = spoil(place)

    with pytest.raises(DataError, match=message) as refused:
        run(place, **site)

    assert "\n" not in str(refused.value)
    assert not (place / "data").exists() or not list((place / "data").iterdir())


def test_a_full_disk_leaves_the_last_cohort(place, monkeypatch):
    out = run(place)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    save_image(make_chest_image(study="1.9"), place / "films/9.dcm")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cohort, "draw_flow", full)
    with pytest.raises(ResourceError, match="no disk space left"):
        run(place)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_unfinished_work_is_gone_after_success(place):
    run(place)

    assert not (place / ".work/cohort").exists()


def test_a_source_without_dates_says_so(place, caplog):
    (place / "films/1_000.png").write_bytes(b"picture")
    (place / "nih.csv").write_text(
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,"
        "Patient Gender,View Position\n1_000.png,Mass,0,1,50,F,PA\n"
    )

    with caplog.at_level(logging.INFO):
        out = run(place, source="nih", reports=place / "nih.csv")

    assert "nih has no study dates, date window skipped" in caplog.text
    assert summary(out)["window"] is None
    assert list(IMAGES.read(out).source) == ["nih"]


def test_patients_that_differ_by_letter_case_only_are_said_with_the_cure(place, caplog):
    lines = [f"1.{n},NSF,canary-{n}" for n in range(3)]
    text = "\n".join(["study_instance_uid,conclusion,patient_id", *lines])
    (place / "reports.csv").write_text(text + "\n")

    with pytest.raises(DataError, match="3 patient_mismatch.*export patient_id as"):
        run(place)

    assert "3 film(s) are set aside as patient_mismatch, but film and" in caplog.text
    assert "only in letter case or leading zeros of patient_id" in caplog.text


def test_where_images_lie_is_known_beside_the_stage_and_to_the_owner_alone(place):
    out = run(place)

    for folder, mode in ((out, 0o700), (beside(out), 0o700)):
        assert folder.stat().st_mode & 0o777 == mode
        assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert sorted(CANDIDATE_PATHS.read(beside(out)).path) == [
        *("0.dcm", "1.dcm", "2.dcm", "lateral.dcm")
    ]
    for path in out.glob("*.parquet"):
        assert "path" not in pd.read_parquet(path).columns
