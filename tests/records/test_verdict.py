from tests.make_records import make_gate, make_verdict


def verdict(**kinds: str):
    gates = tuple(make_gate(name=name, verdict=kind) for name, kind in kinds.items())
    return make_verdict(gates=gates, passed="fail" not in kinds.values())


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
