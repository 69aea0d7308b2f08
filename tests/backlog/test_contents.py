"""What is new to a ledger is told by the content of files."""

import pytest

from cxrmlops.backlog import leases, operator_actions, progress
from cxrmlops.backlog import ledger as book
from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.open_studies import NEXT, confused_studies, open_studies
from cxrmlops.backlog.progress import Answer, Written


@pytest.fixture
def ledger(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/ledger.db")


def make_backlog(*contents: str, uid: str = "1.1.{n}") -> list[BacklogImage]:
    return [
        BacklogImage(f"{n}.dcm", 1, 1, uid.format(n=n), "1.1", "", content)
        for n, content in enumerate(contents)
    ]


def arrive(ledger, *contents: str, **how: str) -> int:
    return book.enter(ledger, {"1.1": make_backlog(*contents, **how)}, model_key="m")


def answer(ledger, outcome: str) -> int:
    """Bring what waits to its end; a report of every study goes out."""
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    (study,) = chunk.studies
    progress.record_scored(ledger, chunk, {"1.1": Answer(outcome)})
    made = Written(f"2.25.{study.number}", "report", "1.1")
    progress.record_written(ledger, chunk, [made])
    progress.record_receipt(ledger, chunk, made.uid, "receipt")
    progress.finish(ledger, chunk)
    return study.number


@pytest.mark.parametrize("outcome", ["scored", "rejected"])
def test_an_image_that_comes_back_changed_is_read_again_and_the_same_one_is_not(
    ledger, outcome
):
    arrive(ledger, "cut")
    answer(ledger, outcome)

    assert arrive(ledger, "cut") == 0
    assert arrive(ledger, "whole") == 1
    answer(ledger, "scored")
    assert arrive(ledger, "whole") == 0


def test_an_older_content_that_comes_back_is_what_counts(ledger):
    for content in ("right", "wrong", "right"):
        assert arrive(ledger, content) == 1
        answer(ledger, "scored")
        assert arrive(ledger, content) == 0


def test_an_image_less_is_nothing_new_unless_the_study_was_rejected(ledger):
    arrive(ledger, "a", "b")
    answer(ledger, "scored")
    assert arrive(ledger, "a") == 0

    arrive(ledger, "a", "b", "c")
    answer(ledger, "rejected")
    assert arrive(ledger, "a", "b") == 1


def test_to_take_one_of_two_pictures_under_one_uid_away_is_news(ledger):
    arrive(ledger, "a", "b", uid="1.1.7")
    answer(ledger, "scored")

    assert arrive(ledger, "b", uid="1.1.7") == 1


def test_images_of_an_earlier_version_are_not_read_again_until_they_change(ledger):
    arrive(ledger, "", "")
    answer(ledger, "rejected")

    assert arrive(ledger, "", "") == 0
    assert arrive(ledger, "", "whole") == 1


def test_a_rejected_study_is_put_back_when_it_is_named(ledger):
    arrive(ledger, "a")
    number = answer(ledger, "rejected")

    assert operator_actions.retry(ledger, reason="all") == 0
    assert operator_actions.retry(ledger, [number], reason="decoder updated") == 1
    (waits,) = open_studies(ledger)
    assert waits.reason == "is read when its films are found"

    assert arrive(ledger, "a") == 1
    (waits,) = open_studies(ledger)
    assert (waits.study, waits.reason) == (number, NEXT)


def test_an_answer_about_images_is_never_delivered_without_a_report(ledger):
    arrive(ledger, "a")
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    image = {"outcome": "scored", "sop_class_uid": "1.2", "content": "a"}
    row = {"images": [image]}
    progress.record_scored(ledger, chunk, {"1.1": Answer("scored", row=row)})
    progress.record_written(ledger, chunk, [])
    progress.finish(ledger, chunk)

    (failed,) = open_studies(ledger)
    assert (failed.state, failed.reason) == ("failed", leases.UNREPORTED)


def test_the_report_of_another_study_in_the_chunk_does_not_count(ledger):
    ours = {uid: [BacklogImage(f"{uid}.dcm", 1, 1, uid, uid)] for uid in ("1.1", "1.2")}
    book.enter(ledger, ours, model_key="m")
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    row = {"images": [{"outcome": "scored", "sop_class_uid": "1.2", "content": ""}]}
    answered = Answer("scored", row=row)
    progress.record_scored(ledger, chunk, {"1.1": answered, "1.2": answered})
    progress.record_written(ledger, chunk, [Written("2.25.1", "report", "1.1")])
    progress.record_receipt(ledger, chunk, "2.25.1", "receipt")
    progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"delivered": 1, "failed": 1}


@pytest.mark.parametrize(
    "images",
    [
        [{"outcome": "scored", "sop_class_uid": "", "content": "a"}],  # a picture
        [{"outcome": "rejected", "sop_class_uid": "1.2", "content": "a"}],
    ],
)
def test_what_no_report_is_made_of_is_done_without_one(ledger, images):
    arrive(ledger, "a")
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    answered = Answer("scored", row={"images": images})
    progress.record_scored(ledger, chunk, {"1.1": answered})
    progress.record_written(ledger, chunk, [])
    progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"delivered": 1}


@pytest.mark.parametrize("reason", ["patient_mismatch", "uid_conflict"])
def test_a_study_whose_files_contradict_each_other_is_named(ledger, reason):
    arrive(ledger, "a")
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    progress.record_scored(ledger, chunk, {"1.1": Answer("rejected", reason)})
    progress.record_written(ledger, chunk, [])
    progress.finish(ledger, chunk)

    assert [one.reason for one in confused_studies(ledger)] == [reason]
    arrive(ledger, "mended")
    assert confused_studies(ledger) == []
    assert [one.state for one in open_studies(ledger)] == ["found"]


def test_an_image_that_changed_before_it_was_read_counts_as_what_was_read(ledger):
    arrive(ledger, "cut")
    chunk = leases.claim(
        ledger, model_key="m", size=9, run="r", started="2024-01-31T02:00:00+00:00"
    )
    image = {"outcome": "scored", "sop_class_uid": "", "content": "whole"}
    progress.record_scored(
        ledger, chunk, {"1.1": Answer("scored", row={"images": [image]})}
    )
    progress.record_written(ledger, chunk, [])
    progress.finish(ledger, chunk)

    assert arrive(ledger, "whole") == 0
