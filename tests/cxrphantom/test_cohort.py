import csv
import hashlib
from collections import Counter
from pathlib import Path

import pydicom
import pytest

from cxrphantom import misfits
from cxrphantom.cohort import make_cohort
from cxrphantom.plan import plan_studies
from cxrphantom.regions import COLUMNS as REGIONS
from cxrphantom.reports import COLUMNS

SIZES = {"studies": 9, "backlog_studies": 2, "side": 96}
FEW = {"studies": 2, "backlog_studies": 1, "side": 64}


def digest(folder: Path) -> dict[str, str]:
    """Hash every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    """Write a small cohort once."""
    folder = tmp_path_factory.mktemp("synthetic") / "raw"
    make_cohort(folder, seed=3, workers=1, **SIZES)
    return folder


@pytest.mark.integration
def test_same_seed_same_bytes_whatever_the_workers(cohort, tmp_path):
    make_cohort(tmp_path / "again", seed=3, workers=2, **SIZES)

    assert digest(tmp_path / "again") == digest(cohort)


def test_another_seed_gives_other_images(cohort, tmp_path):
    make_cohort(tmp_path / "other", seed=4, workers=1, **FEW)

    assert not set(digest(tmp_path / "other").values()) & set(digest(cohort).values())


def test_the_truth_names_every_file(cohort):
    truth = {row["path"] for row in rows(cohort / "truth.csv")}

    written = {path.relative_to(cohort).as_posix() for path in cohort.rglob("*.dcm")}
    assert truth == written


def test_regions_lie_on_films_of_abnormal_studies_alone(cohort):
    abnormal = {
        row["sop_instance_uid"]: row["abnormal"] == "true"
        for row in rows(cohort / "truth.csv")
        if row["image"] in ("included", "lateral")
    }

    regions = rows(cohort / "regions.csv")

    assert tuple(regions[0]) == REGIONS
    marked = {row["sop_instance_uid"] for row in regions}
    assert all(abnormal[uid] for uid in marked)
    sick = [uid for uid, flag in abnormal.items() if flag]
    assert marked == set(sick)
    for row in regions:
        assert 0 <= float(row["left"]) < float(row["left"]) + float(row["width"]) <= 1
        assert 0 <= float(row["top"]) < 1


def test_every_reported_chest_study_has_one_row_in_the_report_table(cohort):
    reports = rows(cohort / "reports.csv")
    truth = rows(cohort / "truth.csv")

    images = [row for row in truth if row["path"].startswith("films/")]
    expected = {r["study_instance_uid"] for r in images if r["study"] != "no_report"}
    assert tuple(reports[0]) == COLUMNS
    assert sorted(r["study_instance_uid"] for r in reports) == sorted(expected)
    assert {r["conclusion"] for r in reports} <= {"NSF", "ASF", "uncertain", "disputed"}


def test_a_report_says_asf_only_with_a_finding(cohort):
    for row in rows(cohort / "reports.csv"):
        if row["conclusion"] in ("ASF", "NSF"):
            assert (row["conclusion"] == "ASF") == bool(row["finding_codes"])


def test_headers_agree_with_the_report_table(cohort):
    reports = {r["study_instance_uid"]: r for r in rows(cohort / "reports.csv")}

    for row in rows(cohort / "truth.csv"):
        report = reports.get(row["study_instance_uid"])
        if report and row["image"] == "included":
            dataset = pydicom.dcmread(cohort / row["path"], stop_before_pixels=True)
            assert dataset.AccessionNumber == report["accession_number"]
            assert dataset.PatientID == report["patient_id"]
            assert dataset.StudyDate == report["study_date"].replace("-", "")


def test_backlog_patients_are_not_in_the_cohort():
    planned = plan_studies(studies=300, backlog_studies=60, seed=1, bias=0)

    sides = {
        folder: {s.exam.person.number for s in planned if s.folder == folder}
        for folder in ("films", "backlog")
    }
    assert not sides["films"] & sides["backlog"]


def test_a_plan_holds_every_kind_of_misfit_and_vendor():
    planned = plan_studies(studies=1500, backlog_studies=0, seed=1, bias=0)

    kinds = Counter(study.misfit for study in planned)
    assert set(kinds) == {"", *misfits.WITH_STUDY, *misfits.ALONE}
    assert 0.04 < 1 - kinds[""] / len(planned) < 0.12
    assert len({study.vendor.model for study in planned}) == 7
    assert any("LL" in study.views for study in planned)
    assert {len(study.views) for study in planned} == {1, 2, 3}


def test_nothing_in_a_header_follows_the_label():
    planned = plan_studies(studies=2500, backlog_studies=0, seed=1, bias=0)
    abnormal = {True: Counter(), False: Counter()}
    for study in planned:
        if study.misfit not in misfits.ALONE:
            abnormal[bool(study.findings)][study.vendor.model] += 1

    for model, count in abnormal[True].items():
        share = count / (count + abnormal[False][model])
        assert share == pytest.approx(0.5, abs=0.09), model


def test_a_planted_bias_ties_the_vendor_to_the_label():
    planned = plan_studies(studies=200, backlog_studies=0, seed=1, bias=1.0)

    for study in planned:
        if study.misfit not in misfits.ALONE:
            assert (study.vendor.model == "Plate One") == bool(study.findings)


def test_a_failed_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr("cxrphantom.cohort.write_table", fail)

    with pytest.raises(RuntimeError):
        make_cohort(tmp_path / "raw", seed=1, workers=1, **FEW)

    assert list(tmp_path.iterdir()) == []
