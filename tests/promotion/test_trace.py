"""One id leads back to all that made it, and names nobody."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from cxrmlops.backlog import leases, ledger, progress
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.progress import Answer, Written
from cxrmlops.cli import app
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.trace import follow
from cxrmlops.system.errors import DataError, ParamsError
from tests import make
from tests.dicom.results.test_structured_report import MODEL, build, overlay_of
from tests.registry.conftest import empty_mlflow  # noqa: F401  a fixture
from tests.registry.stand_ins import CLEAN, register

pytestmark = pytest.mark.integration

LINEAGE = CLEAN | {"dvc.data/split": "d" * 32, "cxr.environment": "e" * 64}


@pytest.fixture
def image():
    return make.make_image(PatientName="Canary^Tweety", PatientID="MRN-1")


@pytest.fixture
def report(tmp_path, monkeypatch, empty_mlflow, image):  # noqa: F811
    """A delivered report of a registered, approved model."""
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    made = build(make.make_study_answer(0.8, images=[image]))
    made.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    register("a", tags=LINEAGE, bundle_hash=MODEL.bundle_hash)
    with approval_log.open_book() as book:
        book.add(
            approval_log.APPROVED,
            version="1",
            bundle_hash=MODEL.bundle_hash,
            name="A. Person",
            reason="good",
        )
    enter(made)
    return made


def enter(made) -> None:
    """Let the ledger know of a report as a night does."""
    engine, uid = open_database(), str(made.StudyInstanceUID)
    images = {uid: [BacklogImage("film.dcm", 1, 1, "1.2.3", uid)]}
    ledger.enter(engine, images, model_key=MODEL.key)
    chunk = leases.claim(
        engine, model_key=MODEL.key, size=1, run="night-1", started="2024-01-31T02:00"
    )
    progress.record_scored(engine, chunk, {uid: Answer("scored")})
    sop_uid = str(made.SOPInstanceUID)
    progress.record_written(engine, chunk, [Written(sop_uid, "report", uid)])
    progress.record_receipt(engine, chunk, sop_uid, "stored")


def test_a_report_leads_to_night_model_decision_commit_data_and_environment(report):
    found = follow("report.dcm")

    assert found.missing == []
    links = found.links
    assert list(links) == [
        "object", "scoring", "version", "training", "code", "data", "environment",
        "decisions",
    ]  # fmt: skip
    assert links["object"]["bundle_hash"] == MODEL.bundle_hash
    assert links["object"]["device_uid"].startswith("2.25.")
    assert links["scoring"]["run"] == "night-1"
    assert links["scoring"]["analysed_at"] == "2024-01-31T02:00"
    assert links["scoring"]["study"] == 1
    assert links["version"]["number"] == "1"
    assert links["training"]["name"] == "training-a"
    assert links["code"] == {"git_commit": "c" * 40, "uncommitted_changes": "no"}
    assert links["data"] == {"data/split": "d" * 32}
    assert links["environment"]["sha256"] == "e" * 64
    assert list(links["decisions"].values()) == ["approved by A. Person: good"]


def test_uid_and_hash_lead_to_the_same_model(report):
    by_uid = follow(str(report.SOPInstanceUID)).links
    by_hash = follow(MODEL.bundle_hash[:12]).links

    assert by_uid["scoring"]["study"] == 1
    assert (
        by_uid["version"] == by_hash["version"] == follow("report.dcm").links["version"]
    )
    assert "scoring" not in by_hash


def test_the_command_names_no_patient(report, image):
    shown = CliRunner().invoke(app, ["trace", "report.dcm"], catch_exceptions=False)
    plain = CliRunner().invoke(app, ["trace", "--json", "report.dcm"])

    assert shown.exit_code == plain.exit_code == 0
    assert "code        git commit: cccc" in shown.output
    assert json.loads(plain.output)["scoring"]["run"] == "night-1"
    for text in (shown.output, plain.output):
        for secret in ("Canary", "MRN-1", "ACC123", "19700101", "1.2.826.0.1.3680043"):
            assert secret not in text
        assert str(report.SOPInstanceUID) not in text


def test_missing_links_are_named_and_the_others_shown(report, image, tmp_path):
    by_hand = build(make.make_study_answer(0.8, images=[make.make_image(7)]))
    by_hand.save_as(tmp_path / "hand.dcm", enforce_file_format=True)

    found = follow("hand.dcm")

    assert len(found.missing) == 1
    assert found.missing[0].startswith("scoring: this ledger")
    assert found.links["version"]["number"] == "1"


def test_a_report_that_contradicts_the_ledger_is_told(report, tmp_path):
    other = "f" * 64
    for group in report.ContentSequence:
        rename(group, MODEL.bundle_hash, other)
    report.save_as(tmp_path / "forged.dcm", enforce_file_format=True)

    found = follow("forged.dcm")

    assert found.missing[0].startswith(
        "agreement: the object names bundle ffffffffffff"
    )
    assert found.links["version"]["bundle_hash"] == MODEL.bundle_hash


def rename(item, old: str, new: str) -> None:
    if "TextValue" in item:
        item.TextValue = item.TextValue.replace(old, new)
    for part in item.get("ContentSequence", []):
        rename(part, old, new)


def test_an_overlay_is_traced_too(report, image, tmp_path):
    made = overlay_of(image, make.make_study_answer(0.8, images=[image]))
    made.save_as(tmp_path / "overlay.dcm", enforce_file_format=True)

    assert follow("overlay.dcm").links["version"]["number"] == "1"


def test_what_nobody_knows_ends_with_one_sentence(report, image, tmp_path):
    make.save_image(make.make_chest_image(), tmp_path / "film.dcm")

    with pytest.raises(DataError, match="nothing leads on from there: scoring"):
        follow("1.2.3.4")
    with pytest.raises(DataError, match="nothing leads on from there: version"):
        follow("9" * 12)
    with pytest.raises(DataError, match="was not made by cxrmlops"):
        follow("film.dcm")
    with pytest.raises(ParamsError, match="no file here, no UID, and no hash"):
        follow("nothing.dcm")


def test_an_mlflow_that_is_down_is_a_missing_link(report, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    found = follow("report.dcm")

    assert found.missing[0].startswith("version: MLflow at http://127.0.0.1:9")
    assert list(found.links) == ["object", "scoring", "decisions"]
