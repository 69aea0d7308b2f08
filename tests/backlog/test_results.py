"""What a chunk's files say, for the ledger and for the reports that follow."""

import pytest

from cxrmlops.backlog import ledger as book
from cxrmlops.backlog import progress
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.progress import Answer, Written
from cxrmlops.backlog.results import predecessors, read_answers
from cxrmlops.data.backlog_image import empty_row
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from tests.backlog.test_leases import claim


@pytest.fixture
def ledger(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/ledger.db")


def arrive(ledger, content: str) -> None:
    image = BacklogImage("a.dcm", 1, 1, "1.1.1", "1.1", "", content)
    book.enter(ledger, {"1.1": [image]}, model_key="cxr-sigfind|abc")


def write(ledger, *objects: Written):
    chunk = claim(ledger)
    progress.record_scored(ledger, chunk, {"1.1": Answer("scored")})
    progress.record_written(ledger, chunk, list(objects))
    return chunk


def report(uid: str) -> Written:
    return Written(uid, "report", "1.1", "1.1.9", "1.2.840.10008.5.1.4.1.1.88.34")


def test_a_delivered_report_is_the_predecessor_of_the_next_and_the_last_counts(ledger):
    for number in (1, 2):
        arrive(ledger, f"content {number}")
        chunk = write(ledger, report(f"2.25.{number}"))
        progress.record_receipt(ledger, chunk, f"2.25.{number}", "stored")
        progress.finish(ledger, chunk)
    arrive(ledger, "content 3")

    (known,) = predecessors(ledger, claim(ledger))["1.1"]

    assert known.sop_instance_uid == "2.25.2"
    assert known.sop_class_uid == "1.2.840.10008.5.1.4.1.1.88.34"
    assert (known.study_instance_uid, known.series_instance_uid) == ("1.1", "1.1.9")


def test_an_overlay_and_a_report_that_the_archive_refused_are_no_predecessors(ledger):
    arrive(ledger, "content 1")
    chunk = write(ledger, report("2.25.1"), Written("2.25.2", "overlay", "1.1"))
    progress.record_receipt(ledger, chunk, "2.25.2", "stored")
    progress.record_refused(ledger, chunk, "2.25.1", "status C000H")
    progress.finish(ledger, chunk)
    arrive(ledger, "content 2")

    assert predecessors(ledger, claim(ledger)) == {}


def test_a_study_is_answered_by_the_rows_of_its_own_files(ledger, tmp_path):
    entered = {"1.1": ("a.dcm", "b.dcm"), "1.2": ("c.dcm",), "1.3": ("d.dcm",)}
    arrived = {
        uid: [BacklogImage(name, 1, 1, f"{uid}.{name[0]}", uid) for name in names]
        for uid, names in entered.items()
    }
    book.enter(ledger, arrived, model_key="cxr-sigfind|abc")
    said = {
        "a.dcm": ("1.1", "scored", ""),
        "b.dcm": ("1.1", "rejected", "lateral"),
        "c.dcm": ("", "rejected", "unreadable"),
    }
    images = [
        empty_row(tmp_path / name)
        | {"study_instance_uid": uid, "outcome": outcome, "reason": reason}
        for name, (uid, outcome, reason) in said.items()
    ]
    nothing = {
        name: "" if kind == "string" else 0
        for name, kind in SCORED_STUDIES.columns.items()
    }
    study = {"study_instance_uid": "1.1", "outcome": "scored", "probability": 0.25}
    SCORED_IMAGES.write(SCORED_IMAGES.from_rows(images), tmp_path)
    SCORED_STUDIES.write(SCORED_STUDIES.from_rows([nothing | study]), tmp_path)

    answers = read_answers(tmp_path, claim(ledger), tmp_path)

    first, second, third = (answers[uid] for uid in entered)
    assert (first.outcome, first.row["study"]["probability"]) == ("scored", 0.25)
    assert [image["outcome"] for image in first.row["images"]] == ["scored", "rejected"]
    assert (second.outcome, second.reason) == ("rejected", "unreadable")
    assert len(second.row["images"]) == 1
    assert (third.outcome, third.reason) == ("rejected", "unreadable")
    assert third.row["images"] == []


def test_a_report_of_the_time_in_shadow_is_no_predecessor_where_nobody_got_it(ledger):
    arrive(ledger, "content 1")
    chunk = write(ledger, report("2.25.1"))
    progress.record_receipt(ledger, chunk, "2.25.1", "not sent", target="nowhere")
    progress.finish(ledger, chunk)
    arrive(ledger, "content 2")
    chunk = claim(ledger)

    assert predecessors(ledger, chunk, target="dicomweb:https://pacs/x") == {}
    assert set(predecessors(ledger, chunk, target="nowhere")) == {"1.1"}
