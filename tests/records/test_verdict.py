from cxrmlops.records.verdict import ASSESSED, Verdict
from tests.make_records import make_gate


def verdict(**kinds: str):
    gates = tuple(make_gate(name=name, verdict=kind) for name, kind in kinds.items())
    return Verdict.of(gates, bundle_hash="b", split_hash="5", test_hash="7")


def test_the_sentence_counts_what_passed_and_names_what_has_no_answer():
    said = verdict(auc="pass", ece="pass", leak="fail", **{"maps.road": "not_assessed"})

    assert said.sentence == (
        "refused, 1 of 4 questions failed and 2 passed; 1 not assessed: maps.road"
    )


def test_a_large_family_without_answers_is_named_once_with_its_number():
    groups = {f"subgroup.vendor.{n}": "not_assessed" for n in range(4)}
    said = verdict(auc="pass", **groups, **{"maps.road": "not_assessed"})

    assert said.sentence == (
        "passed, 1 of 6 questions; 5 not assessed: subgroup (4), maps.road"
    )


def test_with_every_question_answered_nothing_is_named():
    assert verdict(auc="pass").sentence == "passed, 1 of 1 questions; 0 not assessed"


def test_too_few_answers_are_an_outcome_of_their_own_with_their_reason():
    said = verdict(
        auc="pass", **{ASSESSED: "not_assessed", "maps.road": "not_assessed"}
    )

    assert said.outcome == "not assessed"
    assert not said.passed
    assert len(said.reasons) == 1
    assert said.sentence == (
        "neither passed nor refused, too few answers: 1 of 3 questions passed; "
        "1 not assessed: maps.road"
    )


def test_what_failed_refuses_however_few_answers_there_are():
    said = verdict(auc="fail", **{ASSESSED: "not_assessed"})

    assert said.outcome == "refused"
    assert len(said.reasons) == 2


def test_a_question_without_an_answer_alone_does_not_change_the_outcome():
    assert verdict(auc="pass", **{"maps.road": "not_assessed"}).outcome == "passed"
