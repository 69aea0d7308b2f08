import ast
from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from cxrmlops.data.cohort import EXCLUSIONS
from cxrmlops.dicom.results.codes import QUALITY_FINDING
from cxrmlops.vocabulary.reasons import (
    REASONS,
    Kind,
    QualityFinding,
    reason_kind,
    reason_sentence,
)

SOURCE = Path(__file__).parents[2] / "src" / "cxrmlops"


def reasons_in_code():
    """Find the first argument of every `Rejected(...)` that is written out."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "")
            if called == "Rejected" and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_every_reason_that_code_gives_stands_in_the_table():
    found = set(reasons_in_code())

    assert len(found) > 15
    assert found <= REASONS.keys() | EXCLUSIONS.keys()


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_a_sentence_in_both_languages_and_ascii_in_english(name):
    meaning = REASONS[name]

    assert meaning.english.isascii()
    assert meaning.english.endswith(".")
    assert meaning.chinese.endswith("。")


@pytest.mark.parametrize("finding", QualityFinding)
def test_a_quality_finding_is_the_code_of_cid_6135_that_its_name_says(finding):
    context_group = {code.value: code for code in codes.cid6135.concepts.values()}

    assert QUALITY_FINDING[finding] == context_group[finding.value]


@pytest.mark.parametrize(
    "name",
    ["lateral", "child", "for_processing", "not_chest", "not_cr_dx", "derived"],
)
def test_what_the_header_puts_outside_the_scope_gets_no_report(name):
    assert reason_kind(name) is Kind.OUT_OF_SCOPE


@pytest.mark.parametrize(
    "name", ["blank", "inverted", "undecodable", "too_large", "multi_frame"]
)
def test_an_image_that_should_have_been_read_is_reported_as_not_evaluable(name):
    assert reason_kind(name) is Kind.NOT_EVALUABLE


def test_an_unknown_reason_is_shown_as_it_is():
    assert reason_sentence("brand_new", "zh") == "brand new"
