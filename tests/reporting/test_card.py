import re

import pytest

from cxrmlops.reporting.card import SECTIONS, card_facts, write_card
from cxrmlops.system.files import read_json
from tests.reporting.test_evaluation_report import HASH, make_evidence, words

ASKED = {  # standards for model cards: what must be stated, or named as a gap
    "name", "version", "hash of the bundle", "date", "owner and contact", "licence",
    "use", "users", "out of scope", "contraindications", "inputs", "outputs",
    "source", "label source", "split", "AUC", "calibration error",
    "share not evaluable", "Balanced", "High sensitivity",
    "findings missed most (recall, balanced)", "shortcuts", "heat map",
    "human oversight", "warnings", "alarm limits", "what may change", "protocol",
    "impact", "rollback", "privacy", "security", "DICOM objects written", "UIDs",
}  # fmt: skip


@pytest.fixture(scope="module")
def evidence():
    return make_evidence()


@pytest.fixture(scope="module")
def folder(evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    write_card(folder, evidence)
    return folder


def test_everything_asked_for_is_stated_or_a_gap(evidence):
    facts = card_facts(evidence)

    assert {fact.what for fact in facts} >= ASKED
    assert all(fact.said for fact in facts)
    assert [name for name in SECTIONS if name not in {f.section for f in facts}] == []


def test_the_page_and_the_json_hold_the_same_facts(folder):
    page = words((folder / "card.html").read_text())
    card = read_json(folder / "card.json")

    assert card["bundle_hash"] == HASH
    for fact in card["facts"]:
        said = fact["said"] if fact["stated"] else f"not stated: {fact['said']}"
        escaped = said.replace("'", "&#39;").replace(">", "&gt;")
        assert f"{fact['what'].replace('>', '&gt;')} {escaped}" in page
    assert card["gaps"] == [f["what"] for f in card["facts"] if not f["stated"]]
    assert "licence" in card["gaps"]


def test_the_card_says_what_the_model_is_not(folder):
    page = (folder / "card.html").read_text()

    assert words(page).count("Not a medical device; investigational.") == 2
    assert "investigational" in read_json(folder / "card.json")["regulatory_status"]


def test_the_figures_are_those_of_the_evaluation(folder, evidence):
    card = read_json(folder / "card.json")
    auc = evidence.metrics.figures["auc"]

    figures = evidence.metrics.figures.items()
    assert card["figures"] == {name: figure.model_dump() for name, figure in figures}
    told = next(fact["said"] for fact in card["facts"] if fact["what"] == "AUC")
    assert told.startswith(f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}")


def test_the_finding_missed_most_comes_first(evidence):
    facts = {fact.what: fact.said for fact in card_facts(evidence)}
    recalls = {
        group.level: group.recall_asf.low
        for group in evidence.metrics.subgroups
        if group.group == "finding" and group.recall_asf
    }

    worst = facts["findings missed most (recall, balanced)"]
    assert worst.startswith(min(recalls, key=recalls.get))


def test_the_card_needs_no_other_file_and_names_nobody(folder, evidence):
    page = (folder / "card.html").read_text()

    assert not re.search(r"(src|href)=", page)
    for name in [*evidence.studies.study_id, *evidence.studies.patient_id]:
        assert name not in page
