import pytest

from cxrmlops.backlog import leases, operator_actions, progress
from cxrmlops.backlog import ledger as book
from cxrmlops.backlog.open_studies import open_studies
from cxrmlops.backlog.progress import Answer
from cxrmlops.backlog.reconciliation import check_balance
from cxrmlops.system.errors import ParamsError, ServiceError
from tests.backlog.test_leases import arrive, claim, deliver


def fail(ledger, *studies: str) -> None:
    arrive(ledger, *studies)
    for _ in studies:
        leases.fail(ledger, claim(ledger, size=1), "MemoryError")


def test_a_decision_is_kept_with_who_when_and_why(ledger):
    fail(ledger, "1.1")

    operator_actions.retry(ledger, reason=" more memory ")
    operator_actions.forget(ledger, [1], reason="a phantom")

    first, second = operator_actions.latest(ledger)
    assert (first.study, first.action, first.reason) == (1, "retry", "more memory")
    assert (second.action, second.reason) == ("forget", "a phantom")
    assert first.user
    assert first.at < second.at


def test_only_what_is_named_is_put_back(ledger):
    fail(ledger, "1.1", "1.2")

    assert operator_actions.retry(ledger, [2], reason="x") == 1

    assert [s.number for s in claim(ledger).studies] == [2]


def test_the_images_of_a_forgotten_study_do_not_come_back_but_a_new_image_does(ledger):
    arrive(ledger, "1.1", images=2)
    operator_actions.forget(ledger, [1], reason="a phantom")

    assert arrive(ledger, "1.1", images=2) == 0
    assert arrive(ledger, "1.1", images=1) == 0
    assert arrive(ledger, "1.1", images=2, model="new", rescore=True) == 0
    assert claim(ledger) is None
    assert arrive(ledger, "1.1", images=3) == 1


def test_forgetting_one_study_of_a_chunk_leaves_the_others_their_answers(ledger):
    arrive(ledger, "1.1", "1.2")
    chunk = claim(ledger)
    answers = {s.study_uid: Answer("scored") for s in chunk.studies}
    progress.record_scored(ledger, chunk, answers)
    leases.release(ledger, chunk, "the archive did not answer")

    operator_actions.forget(ledger, [1], reason="a phantom")

    again = claim(ledger, run="next")
    assert again.id == chunk.id
    assert [s.study_uid for s in again.studies] == ["1.2"]
    deliver(ledger, again)
    assert check_balance(ledger, "next").studies["in"] == 1
    assert check_balance(ledger, "night").studies["forgotten"] == 1
    assert book.counts(ledger) == {"forgotten": 1, "delivered": 1}


def test_a_chunk_of_which_all_is_forgotten_is_closed(ledger):
    arrive(ledger, "1.1")
    leases.release(ledger, claim(ledger), "the archive did not answer")

    operator_actions.forget(ledger, [1], reason="a phantom")

    assert claim(ledger, run="next") is None
    assert book.left_open(ledger, "night") == []


def test_a_run_that_slept_does_not_answer_what_was_forgotten_meanwhile(ledger):
    arrive(ledger, "1.1", "1.2")
    slept = claim(ledger, lease=0)
    operator_actions.forget(ledger, [1], reason="a phantom")

    with pytest.raises(ServiceError, match="taken over"):
        progress.record_scored(ledger, slept, {})

    assert book.counts(ledger) == {"forgotten": 1, "claimed": 1}


def test_what_a_run_works_on_is_not_forgotten(ledger):
    arrive(ledger, "1.1")
    claim(ledger)

    with pytest.raises(ParamsError, match="a run works on study 1 now"):
        operator_actions.forget(ledger, [1], reason="x")


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (operator_actions.retry, "study 1 is delivered; only what failed"),
        (operator_actions.forget, "study 1 is delivered; only what waits"),
    ],
)
def test_what_is_delivered_stays_delivered(ledger, decide, words):
    arrive(ledger, "1.1")
    deliver(ledger, claim(ledger))

    with pytest.raises(ParamsError, match=words):
        decide(ledger, [1], reason="x")


@pytest.mark.parametrize("decide", [operator_actions.retry, operator_actions.forget])
def test_a_decision_needs_a_reason_and_a_study_that_exists(ledger, decide):
    fail(ledger, "1.1")

    with pytest.raises(ParamsError, match="needs a reason"):
        decide(ledger, [1], reason=" ")
    with pytest.raises(ParamsError, match="knows no study 2; see"):
        decide(ledger, [1, 2], reason="x")

    assert book.counts(ledger) == {"failed": 1}
    assert operator_actions.latest(ledger) == []


def test_a_study_that_was_entered_again_is_not_put_back_beside_it(ledger):
    arrive(ledger, "1.1")
    operator_actions.forget(ledger, [1], reason="x")
    arrive(ledger, "1.1", images=2)

    with pytest.raises(ParamsError, match="study 1 was entered again since"):
        operator_actions.retry(ledger, [1], reason="x")


def test_a_late_image_takes_the_place_of_what_failed(ledger):
    fail(ledger, "1.1")

    assert arrive(ledger, "1.1", images=2) == 1

    assert operator_actions.retry(ledger, reason="x") == 0
    assert book.counts(ledger) == {"withdrawn": 1, "found": 1}
    assert [one.state for one in open_studies(ledger)] == ["found"]
