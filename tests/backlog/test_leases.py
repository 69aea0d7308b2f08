import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

from cxrmlops.backlog import common_cause, leases, operator_actions, progress
from cxrmlops.backlog import ledger as book
from cxrmlops.backlog.database import now, transaction
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.open_studies import open_studies
from cxrmlops.backlog.progress import Answer, Written
from cxrmlops.backlog.reconciliation import check_balance
from cxrmlops.system.errors import DataError, ServiceError

MODEL = "cxr-sigfind|abc"
CLOCK = "2024-01-31T02:00:00+00:00"


def arrive(ledger, *studies: str, images: int = 1, model: str = MODEL, **how) -> int:
    arrived = {
        uid: [
            BacklogImage(f"{uid}/{n}", 10, 10, f"{uid}.{n}", uid) for n in range(images)
        ]
        for uid in studies
    }
    return book.enter(ledger, arrived, model_key=model, **how)


def claim(ledger, *, run="night", size=10, lease=90.0, model=MODEL, started=CLOCK):
    return leases.claim(
        ledger,
        model_key=model,
        size=size,
        run=run,
        started=started,
        lease_seconds=lease,
    )


def deliver(ledger, chunk, answer=lambda _study: Answer("scored")) -> None:
    """Do what a night does with a chunk: one report a study."""
    answers = {s.study_uid: answer(s) for s in chunk.studies}
    progress.record_scored(ledger, chunk, answers)
    made = [Written(f"{s.study_uid}.9", "report", s.study_uid) for s in chunk.studies]
    progress.record_written(ledger, chunk, made)
    for one in made:
        progress.record_receipt(ledger, chunk, one.uid, "ok")
    progress.finish(ledger, chunk)


def test_a_study_is_entered_once(ledger):
    assert arrive(ledger, "1.1", "1.2") == 2

    assert arrive(ledger, "1.1", "1.2", "1.3") == 1


def test_a_late_image_joins_a_study_that_waits_and_makes_a_new_entry_afterwards(ledger):
    arrive(ledger, "1.1")
    assert arrive(ledger, "1.1", images=2) == 0
    deliver(ledger, claim(ledger))

    assert arrive(ledger, "1.1", images=2) == 0
    assert arrive(ledger, "1.1", images=3) == 1
    assert claim(ledger, run="next").studies[0].places == ("1.1/0", "1.1/1", "1.1/2")


def test_an_image_that_goes_is_nothing_new(ledger):
    arrive(ledger, "1.1", images=2)
    deliver(ledger, claim(ledger))

    assert arrive(ledger, "1.1", images=1) == 0
    assert book.counts(ledger) == {"delivered": 1}


def test_an_image_that_comes_and_goes_before_it_was_read_leaves_one_entry(ledger):
    arrive(ledger, "1.1")
    leases.fail(ledger, claim(ledger), "MemoryError")
    arrive(ledger, "1.1", images=2)

    assert arrive(ledger, "1.1", images=1) == 1
    assert book.counts(ledger) == {"withdrawn": 1, "found": 1}


def test_a_late_image_waits_until_the_answer_before_it_is_delivered(ledger):
    arrive(ledger, "1.1")
    first = claim(ledger)
    progress.record_scored(ledger, first, {"1.1": Answer("scored")})
    arrive(ledger, "1.1", images=2)

    assert claim(ledger) is None
    deliver(ledger, first)
    assert claim(ledger).studies[0].places == ("1.1/0", "1.1/1")


def test_many_runs_that_look_at_once_enter_every_study_once(ledger):
    studies = [f"1.{n}" for n in range(30)]

    with ThreadPoolExecutor(6) as pool:
        new = list(pool.map(lambda _: arrive(ledger, *studies), range(6)))

    assert sum(new) == 30
    assert book.counts(ledger) == {"found": 30}


def test_a_chunk_with_an_object_that_has_no_receipt_is_not_finished(ledger):
    arrive(ledger, "1.1")
    chunk = claim(ledger)
    progress.record_scored(ledger, chunk, {"1.1": Answer("scored")})
    progress.record_written(ledger, chunk, [Written("1.1.9", "report", "1.1")])

    with pytest.raises(DataError, match="1 studies of chunk .* without a receipt"):
        progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"written": 1}


def test_a_chunk_taken_apart_keeps_what_the_archive_has_and_blames_the_rest(ledger):
    arrive(ledger, "1.1", "1.2")
    chunk = claim(ledger)
    progress.record_scored(
        ledger, chunk, {s.study_uid: Answer("scored") for s in chunk.studies}
    )
    made = [Written(f"{s.study_uid}.9", "report", s.study_uid) for s in chunk.studies]
    progress.record_written(ledger, chunk, made)
    progress.record_receipt(ledger, chunk, "1.1.9", "ok")

    leases.fail(ledger, chunk, "the archive refuses one for good")

    assert book.counts(ledger) == {"delivered": 1, "failed": 1}


def test_the_page_of_a_run_shows_what_a_killed_one_finished(ledger):
    arrive(ledger, "1.1", "1.2")
    killed = claim(ledger, run="killed", size=1)
    deliver(ledger, killed)
    opened = now()
    mine = claim(ledger, run="next", size=1)
    deliver(ledger, mine)

    assert book.unlisted(ledger, opened) == [killed.id, mine.id]
    book.note_listed(ledger, [killed.id, mine.id])
    assert book.unlisted(ledger, now()) == []
    arrive(ledger, "1.3")
    third = claim(ledger, run="third")
    deliver(ledger, third)
    assert book.unlisted(ledger, opened) == [killed.id, mine.id, third.id]
    assert book.unlisted(ledger, now()) == [third.id]


def test_a_new_model_takes_what_waits_and_leaves_what_is_answered(ledger):
    arrive(ledger, "1.1")
    deliver(ledger, claim(ledger))
    arrive(ledger, "1.2")

    assert arrive(ledger, "1.1", "1.2", model="new") == 1
    assert book.counts(ledger) == {"delivered": 1, "withdrawn": 1, "found": 1}
    assert arrive(ledger, "1.1", "1.2", model="new", rescore=True) == 1


def test_a_model_that_comes_back_finds_its_studies_again(ledger):
    arrive(ledger, "1.1")
    arrive(ledger, "1.1", model="new")

    assert arrive(ledger, "1.1") == 1
    assert [s.study_uid for s in claim(ledger).studies] == ["1.1"]


def test_a_chunk_is_claimed_by_one_run_and_the_rest_by_the_next(ledger):
    arrive(ledger, *(f"1.{n}" for n in range(5)))

    first, second, third = (claim(ledger, run=str(n), size=3) for n in range(3))

    assert len(first.studies) == 3
    assert len(second.studies) == 2
    assert third is None


def test_many_workers_at_once_claim_every_study_once(ledger):
    arrive(ledger, *(f"1.{n}" for n in range(60)))

    def work(number: int) -> list[str]:
        mine: list[str] = []
        while (chunk := claim(ledger, run=str(number), size=4)) is not None:
            mine += [s.study_uid for s in chunk.studies]
            deliver(ledger, chunk)
        return mine

    with ThreadPoolExecutor(8) as pool:
        done = [uid for mine in pool.map(work, range(8)) for uid in mine]

    assert sorted(done) == sorted(f"1.{n}" for n in range(60))
    assert book.counts(ledger) == {"delivered": 60}


def test_a_killed_run_leaves_its_chunk_to_the_next_with_members_and_clock(ledger):
    arrive(ledger, "1.1", "1.2")
    killed = claim(ledger, lease=0)
    arrive(ledger, "1.3")

    taken = claim(ledger, run="next", started="2031-01-01T00:00:00+00:00")

    assert taken.id == killed.id
    assert taken.started == CLOCK
    assert [s.study_uid for s in taken.studies] == ["1.1", "1.2"]


def test_a_run_that_slept_too_long_cannot_undo_what_another_did(ledger):
    arrive(ledger, "1.1")
    slept = claim(ledger, lease=0)
    deliver(ledger, claim(ledger, run="next"))

    with pytest.raises(ServiceError, match="taken over by another run"):
        progress.record_scored(ledger, slept, {})
    with pytest.raises(ServiceError, match="taken over"):
        leases.fail(ledger, slept, "too late")

    assert book.counts(ledger) == {"delivered": 1}


def test_a_lease_lives_as_long_as_the_work(ledger):
    arrive(ledger, "1.1")
    chunk = claim(ledger, lease=0.3)

    with leases.held(ledger, chunk):
        time.sleep(0.8)
        assert claim(ledger, run="other") is None

    assert threading.active_count() < 50


def test_a_released_chunk_waits_for_another_run(ledger):
    arrive(ledger, "1.1")
    chunk = claim(ledger)
    leases.release(ledger, chunk, "the archive did not answer")

    assert claim(ledger) is None
    assert [s.reason for s in open_studies(ledger)] == ["the archive did not answer"]
    assert claim(ledger, run="tomorrow").id == chunk.id


def test_a_chunk_given_back_has_used_up_no_attempt(ledger):
    arrive(ledger, "1.1", "1.2")

    for number in range(leases.MAX_ATTEMPTS + 2):  # so many deaths take it apart
        chunk = claim(ledger, run=f"night {number}")
        assert len(chunk.studies) == 2
        leases.release(ledger, chunk, "the archive did not answer")


def test_one_bad_study_fails_alone_and_can_be_tried_again(ledger):
    arrive(ledger, "1.1", "1.2", "1.3")
    leases.fail(ledger, claim(ledger), "MemoryError")

    alone = [claim(ledger) for _ in range(3)]
    leases.fail(ledger, alone[0], "MemoryError")
    deliver(ledger, alone[1])
    deliver(ledger, alone[2])

    assert [len(chunk.studies) for chunk in alone] == [1, 1, 1]
    assert book.counts(ledger) == {"failed": 1, "delivered": 2}
    assert [s.reason for s in open_studies(ledger)] == ["MemoryError"]
    assert operator_actions.retry(ledger, reason="more memory") == 1
    assert claim(ledger).studies[0].study_uid == "1.1"


def test_a_chunk_that_kills_its_process_again_and_again_is_taken_apart(ledger):
    arrive(ledger, "1.1", "1.2")
    for night in range(leases.MAX_ATTEMPTS):
        assert len(claim(ledger, run=str(night), lease=0).studies) == 2

    assert len(claim(ledger, run="last").studies) == 1


def test_a_rejection_that_no_page_shows_yet_comes_again_when_its_chunk_falls_apart(
    ledger,
):
    arrive(ledger, "1.1", "1.2", "1.3")
    chunk = claim(ledger, lease=-1)
    answers = dict.fromkeys(("1.1", "1.2"), Answer("scored"))
    progress.record_scored(ledger, chunk, answers | {"1.3": Answer("rejected")})
    for night in range(leases.MAX_ATTEMPTS):
        alone = claim(ledger, run=f"night {night}", lease=-1)

    assert len(alone.studies) == 1
    assert book.unlisted(ledger, CLOCK) == []
    assert "rejected" not in book.counts(ledger)


def test_the_page_shows_what_a_chunk_had_reported_before_it_fell_apart(ledger):
    arrive(ledger, "1.1", "1.2", "1.3", "1.4")
    chunk = claim(ledger, lease=-1)
    answers = dict.fromkeys(("1.1", "1.2", "1.4"), Answer("scored"))
    progress.record_scored(ledger, chunk, answers | {"1.3": Answer("rejected")})
    made = [Written(f"{uid}.9", "SR", uid) for uid in answers]
    progress.record_written(ledger, chunk, made)
    progress.record_receipt(ledger, chunk, "1.1.9", "ok")
    for night in range(leases.MAX_ATTEMPTS):
        alone = claim(ledger, run=f"night {night}", lease=-1)

    assert [study.study_uid for study in alone.studies] == ["1.2"]
    assert book.unlisted(ledger, CLOCK) == [chunk.id]


def test_a_study_that_kills_its_process_again_and_again_has_failed(ledger):
    arrive(ledger, "1.1")
    for night in range(leases.MAX_ATTEMPTS):
        assert claim(ledger, run=str(night), lease=0) is not None

    assert claim(ledger, run="last") is None
    assert [s.reason for s in open_studies(ledger)] == ["ended its process 6 times"]


def test_a_new_model_delivers_what_the_old_one_answered(ledger):
    arrive(ledger, "1.1")
    chunk = claim(ledger)
    progress.record_scored(ledger, chunk, {"1.1": Answer("scored")})
    leases.release(ledger, chunk, "the archive did not answer")

    assert arrive(ledger, "1.1", model="new") == 0
    assert claim(ledger, run="tomorrow", model="new").id == chunk.id


def test_what_the_old_model_claimed_and_did_not_answer_goes_to_the_new_one(ledger):
    arrive(ledger, "1.1")
    claim(ledger, lease=0)

    assert arrive(ledger, "1.1", model="new") == 1
    assert claim(ledger, run="tomorrow", model="new").model_key == "new"
    assert claim(ledger, run="later", model="new") is None


def test_a_study_that_nothing_could_be_made_of_is_rejected_with_nothing_to_deliver(
    ledger,
):
    arrive(ledger, "file:1")
    chunk = claim(ledger)

    progress.record_scored(ledger, chunk, {})
    progress.record_written(ledger, chunk, [])
    progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"rejected": 1}


def test_objects_written_twice_are_noted_once_and_keep_their_receipt(ledger):
    arrive(ledger, "1.1")
    chunk = claim(ledger)
    progress.record_scored(ledger, chunk, {"1.1": Answer("scored", row={"p": 0.5})})
    made = [Written("1.1.9", "SR", "1.1")]
    progress.record_written(ledger, chunk, made)
    progress.record_receipt(ledger, chunk, "1.1.9", "first")

    progress.record_written(ledger, chunk, made)
    progress.record_receipt(ledger, chunk, "1.1.9", "second")
    progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"delivered": 1}


def test_an_object_that_the_archive_refuses_fails_its_study_alone(ledger):
    arrive(ledger, "1.1", "1.2")
    chunk = claim(ledger)
    answers = {s.study_uid: Answer("scored") for s in chunk.studies}
    progress.record_scored(ledger, chunk, answers)
    made = [Written(f"{s.study_uid}.9", "report", s.study_uid) for s in chunk.studies]
    progress.record_written(ledger, chunk, made)

    progress.record_receipt(ledger, chunk, "1.1.9", "stored")
    progress.record_refused(ledger, chunk, "1.2.9", "status C000H")
    progress.finish(ledger, chunk)

    assert book.counts(ledger) == {"delivered": 1, "failed": 1}
    (stuck,) = open_studies(ledger)
    assert stuck.reason == "status C000H"


def test_scored_studies_are_counted_by_tenths_of_their_probability(ledger):
    said = {"1.1": 0.0, "1.2": 0.04, "1.3": 0.1, "1.4": 0.55, "1.5": 1.0}
    answers = {
        uid: Answer("scored", row={"study": {"probability": value}})
        for uid, value in said.items()
    }
    arrive(ledger, *said, "1.6")
    rejected = Answer("rejected", "blank")
    deliver(ledger, claim(ledger), lambda s: answers.get(s.study_uid, rejected))

    assert book.histogram(ledger, "night") == {
        "0.0-0.1": 2, "0.1-0.2": 1, "0.2-0.3": 0, "0.3-0.4": 0, "0.4-0.5": 0,
        "0.5-0.6": 1, "0.6-0.7": 0, "0.7-0.8": 0, "0.8-0.9": 0, "0.9-1.0": 1,
    }  # fmt: skip


def fail_by(ledger, chunk, error: str) -> None:
    leases.fail(ledger, chunk, f"{error}, see notes", error=error)


def test_a_run_whose_first_tries_all_fail_alike_ends_and_leaves_the_rest(ledger):
    arrive(ledger, *(f"1.{n}" for n in range(20)))

    tried = 0
    while chunk := claim(ledger, size=5):
        fail_by(ledger, chunk, "AssertionError")
        tried += 1

    assert tried == 3
    assert book.counts(ledger) == {"found": 18, "failed": 2}
    assert common_cause.why_stopped(ledger, "night", MODEL) == (
        "stopped: all of the first 3 tries failed alike (AssertionError, see notes); "
        "18 studies were left and wait; repair that, then run again"
    )
    assert book.left_open(ledger, "night") == []
    assert check_balance(ledger, "night").studies["in"] == 2
    while chunk := claim(ledger, run="next", size=5):
        deliver(ledger, chunk)
    assert book.counts(ledger) == {"delivered": 18, "failed": 2}
    assert common_cause.why_stopped(ledger, "next", MODEL) == ""


@pytest.mark.parametrize("errors", [("A", "B", "A"), ("A", "", "A")])
def test_failures_of_two_kinds_or_a_success_do_not_end_a_run(ledger, errors):
    arrive(ledger, *(f"1.{n}" for n in range(20)))
    for error in errors:
        chunk = claim(ledger, size=5)
        if error:
            fail_by(ledger, chunk, error)
        else:
            deliver(ledger, chunk)

    assert claim(ledger, size=5)
    assert common_cause.why_stopped(ledger, "night", MODEL) == ""


def test_after_a_first_failure_a_study_is_tried_alone_before_another_chunk(ledger):
    arrive(ledger, *(f"1.{n}" for n in range(20)))
    fail_by(ledger, claim(ledger, size=5), "MemoryError")

    alone = claim(ledger, size=5)
    deliver(ledger, alone)

    assert len(alone.studies) == 1
    assert len(claim(ledger, size=5).studies) == 5


def test_a_run_takes_up_what_its_own_killed_worker_left(ledger, monkeypatch):
    arrive(ledger, "1.1", "1.2")
    monkeypatch.setattr(leases, "this_process", lambda: "another machine 1 2")
    lost = claim(ledger, lease=0.3)
    monkeypatch.undo()

    assert claim(ledger) is None
    assert leases.await_lost(ledger, "night", patience=30)
    again = claim(ledger)

    assert (again.id, again.started) == (lost.id, lost.started)
    assert not leases.await_lost(ledger, "night", patience=0)


def test_a_run_does_not_take_again_what_it_gave_back(ledger):
    arrive(ledger, "1.1")
    leases.release(ledger, claim(ledger), "the archive did not answer")

    assert claim(ledger) is None
    assert not leases.await_lost(ledger, "night")
    assert claim(ledger, run="next")


@pytest.mark.services
def test_a_claim_reads_no_more_where_more_is_delivered(ledger):
    if ledger.dialect.name != "postgresql":
        pytest.skip("its planner alone prefers the list of all studies in work")
    read = []
    for n in (2_000, 20_000):
        with transaction(ledger) as connection:
            connection.execute(text("DELETE FROM studies"))
            connection.execute(
                text(
                    "INSERT INTO studies (study_uid, source_key, model_key, images, "
                    "state, outcome, reason, alone, run, found_at) SELECT '1.' || i, "
                    "i, 'm', '[]', CASE WHEN i % 10 = 0 THEN 'found' ELSE 'delivered' "
                    "END, '', '', 0, '', '2024-01-31' FROM generate_series(1, :n) i"
                ),
                {"n": n},
            )
        with ledger.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
            one.execute(text("VACUUM ANALYZE studies"))
        read.append(blocks_read_to_claim(ledger))

    assert read[1] <= 2 * read[0]


@contextmanager
def asked_of(ledger, *words: str):
    """Write down the statements with all these words, and their values."""
    asked = []

    def note(_connection, _cursor, statement, values, *_):
        if all(word in statement for word in words):
            asked.append((statement, values))

    event.listen(ledger, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(ledger, "before_cursor_execute", note)


def blocks_read_to_claim(ledger) -> int:
    """Count pages that PostgreSQL touches to choose the studies of a chunk."""
    with asked_of(ledger, "EXISTS", "SKIP LOCKED") as asked:
        leases.claim(ledger, model_key="m", size=32, run="r", started=now())
    statement, values = asked[-1]
    with transaction(ledger) as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        (((plan,),),) = connection.exec_driver_sql(explain, values).all()
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
