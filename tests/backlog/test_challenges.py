"""What the challenger has to read, what it said, and what it never touches."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cxrmlops.backlog import challenges
from cxrmlops.backlog import ledger as book
from cxrmlops.backlog.database import transaction
from cxrmlops.backlog.folder_scan import BacklogImage, note_images
from cxrmlops.backlog.schema import challenges as table
from cxrmlops.backlog.schema import studies
from tests.backlog.test_leases import claim, deliver

CHAMPION, MINE, OTHER = "c" * 64, "a" * 64, "b" * 64
KEY = f"cxr-sigfind|{CHAMPION}"


def said(probability: float | None = 0.7, **quirks: object) -> dict[str, object]:
    answer = "" if probability is None else ("ASF" if probability > 0.5 else "NSF")
    return {
        "outcome": "scored" if probability is not None else "rejected",
        "reason": "",
        "probability": probability,
        "balanced": answer,
        "high_sensitivity": answer,
    } | quirks


def answered(ledger, *uids: str, content: str = "x"):
    """Let the champion answer studies of one film each, and give the chunk."""
    films = {
        uid: [BacklogImage(f"{uid}.dcm", 1, 1, f"{uid}.1", uid, f"P-{uid}", content)]
        for uid in uids
    }
    for those in films.values():
        note_images(ledger, those)
    book.enter(ledger, films, model_key=KEY)
    chunk = claim(ledger, model=KEY)
    deliver(ledger, chunk)
    return chunk


def enlist(ledger, chunk, bundle_hash: str = MINE, **opinions: dict) -> None:
    told = {one.study_uid: said() for one in chunk.studies} | opinions
    numbers = {uid: f"A-{uid}" for uid in told}
    challenges.enlist(ledger, chunk, told, numbers, bundle_hash=bundle_hash)


def take(ledger, size: int = 10):
    return challenges.take(ledger, bundle_hash=MINE, size=size)


def states(ledger) -> list[str]:
    with transaction(ledger) as connection:
        query = select(table.c.state).order_by(table.c.id)
        return list(connection.execute(query).scalars())


def test_a_study_is_listed_once_whatever_is_repeated(ledger):
    chunk = answered(ledger, "1.1", "1.2")

    enlist(ledger, chunk)
    enlist(ledger, chunk)

    assert challenges.counts(ledger, MINE) == {"waiting": 2}


def test_only_studies_with_an_opinion_of_the_champion_are_listed(ledger):
    chunk = answered(ledger, "1.1", "1.2")

    challenges.enlist(ledger, chunk, {"1.2": said()}, {}, bundle_hash=MINE)

    assert [one.study.study_uid for one in take(ledger)] == ["1.2"]


def test_a_study_that_got_more_films_is_read_with_all_of_them_alone(ledger):
    enlist(ledger, answered(ledger, "1.1"))
    enlist(ledger, answered(ledger, "1.1", content="y"))

    (one,) = take(ledger)

    assert one.contents == ("y",)
    assert states(ledger) == ["withdrawn", "waiting"]


def test_what_ended_a_run_is_read_alone_and_after_the_others(ledger):
    enlist(ledger, answered(ledger, "1.1", "1.2"))
    take(ledger)  # killed
    enlist(ledger, answered(ledger, "1.3"))

    turns = [[c.study.study_uid for c in take(ledger)] for _ in range(3)]

    assert turns == [["1.3"], ["1.1"], ["1.2"]]


def test_a_study_that_ends_every_run_is_given_up(ledger):
    enlist(ledger, answered(ledger, "1.1"))
    for _ in range(challenges.MAX_ATTEMPTS):
        assert take(ledger)

    assert take(ledger) == []
    assert challenges.counts(ledger, MINE) == {"failed": 1}


def test_films_do_not_wait_for_ever_for_a_challenger_that_cannot_read(ledger):
    enlist(ledger, answered(ledger, "1.1"))
    assert challenges.needed_places(ledger) == {"1.1.dcm"}
    long_ago = datetime.now(UTC) - timedelta(days=challenges.KEEP_DAYS + 1)
    with transaction(ledger) as connection:
        connection.execute(update(table).values(entered_at=long_ago.isoformat()))

    assert take(ledger) == []

    assert states(ledger) == ["failed"]
    assert challenges.needed_places(ledger) == set()


def test_another_challenger_takes_the_list_of_the_one_before_off(ledger):
    chunk = answered(ledger, "1.1")
    enlist(ledger, chunk, OTHER)
    enlist(ledger, chunk)

    challenges.keep_only(ledger, MINE)

    assert challenges.counts(ledger, OTHER) == {"withdrawn": 1}
    assert challenges.counts(ledger, MINE) == {"waiting": 1}


def test_answers_stand_beside_those_of_the_champion(ledger):
    enlist(ledger, answered(ledger, "1.1"), **{"1.1": said(0.2)})
    (one,) = take(ledger)
    challenges.note(ledger, one.number, said(0.9))

    pairs = challenges.read_pairs(ledger, bundle_hash=MINE, champion_hash=CHAMPION)

    (row,) = pairs.to_dict("records")
    assert (row["champion_probability"], row["champion_balanced"]) == (0.2, "NSF")
    assert (row["challenger_probability"], row["challenger_balanced"]) == (0.9, "ASF")
    assert (row["patient_id"], row["accession_number"]) == ("P-1.1", "A-1.1")


def test_pairs_are_of_the_champion_asked_for_and_each_study_counts_once(ledger):
    for content, probability in (("x", 0.1), ("y", 0.8)):
        enlist(ledger, answered(ledger, "1.1", content=content))
        (one,) = take(ledger)
        challenges.note(ledger, one.number, said(probability))

    pairs = challenges.read_pairs(ledger, bundle_hash=MINE, champion_hash=CHAMPION)
    others = challenges.read_pairs(ledger, bundle_hash=MINE, champion_hash=OTHER)

    assert list(pairs.challenger_probability) == [0.8]
    assert others.empty
    assert list(others.columns) == challenges.PAIRS


def test_an_answer_that_is_stored_is_not_changed_by_a_late_one(ledger):
    enlist(ledger, answered(ledger, "1.1"))
    (one,) = take(ledger)
    challenges.note(ledger, one.number, said(0.9))

    challenges.note(ledger, one.number, said(0.1))
    challenges.give_up(ledger, one.number, "too late")

    pairs = challenges.read_pairs(ledger, bundle_hash=MINE, champion_hash=CHAMPION)
    assert list(pairs.challenger_probability) == [0.9]


def test_nothing_that_the_challenger_does_changes_a_study(ledger):
    chunk = answered(ledger, "1.1", "1.2")
    with transaction(ledger) as connection:
        before = connection.execute(select(studies)).all()

    enlist(ledger, chunk)
    one, two = take(ledger)
    challenges.note(ledger, one.number, said(None, reason="out_of_distribution"))
    challenges.give_up(ledger, two.number, "gone")
    challenges.keep_only(ledger, "")

    with transaction(ledger) as connection:
        assert connection.execute(select(studies)).all() == before
    assert challenges.counts(ledger, MINE) == {"rejected": 1, "failed": 1}


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({}, "scored 0, rejected 0, waiting 0, failed 0"),
        ({"scored": 3, "failed": 1}, "scored 3, rejected 0, waiting 0, failed 1"),
    ],
)
def test_how_far_it_is_is_told_in_counts(numbers, words):
    assert challenges.told(numbers) == words
