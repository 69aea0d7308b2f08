import pytest

from cxrmlops.promotion.opinions import (
    accessions_of,
    comparable_opinions,
    opinions_of,
)
from cxrmlops.records.tables import SCORED_STUDIES


@pytest.fixture
def answered():
    usual = {
        "n_images": 1,
        "n_scored": 1,
        "answer_balanced": "",
        "answer_high_sensitivity": "",
        "study_date": "",
        "analysed_at": "2024-01-31T02:00:00+00:00",
        "model_key": "m|1",
        "probability": float("nan"),
        "outcome": "rejected",
    }
    rows = [
        {"outcome": "scored", "reason": "", "probability": 0.7}
        | {"answer_balanced": "ASF", "answer_high_sensitivity": "ASF"},
        {"reason": "lateral|out_of_distribution"},
        {"reason": "lateral"},
    ]
    for number, row in enumerate(rows):
        row |= {"study_instance_uid": f"1.{number}", "accession_number": f"A{number}"}
    return SCORED_STUDIES.from_rows([usual | row for row in rows])


def test_an_answer_is_kept_with_both_points_and_a_rejection_with_none(answered):
    found = opinions_of(answered)

    assert found["1.0"] == {
        "outcome": "scored",
        "reason": "",
        "probability": 0.7,
        "balanced": "ASF",
        "high_sensitivity": "ASF",
    }
    assert found["1.2"]["probability"] is None


def test_what_no_model_could_read_is_not_compared(answered):
    assert set(comparable_opinions(answered)) == {"1.0", "1.1"}


def test_reports_are_found_by_accession_number(answered):
    assert accessions_of(answered) == {"1.0": "A0", "1.1": "A1", "1.2": "A2"}
