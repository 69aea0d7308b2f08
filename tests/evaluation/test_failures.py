import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.failures import failure_counts, failure_figures
from cxrmlops.evaluation.figures import reading
from cxrmlops.evaluation.intervals import wilson
from cxrmlops.tables import NOT_EVALUABLE


def make_lost(*, asf, nsf):
    n = asf + nsf
    return pd.DataFrame(
        {
            "study_id": [f"L{k}" for k in range(n)],
            "patient_id": [f"Q{k}" for k in range(n)],
            "split": "test",
            "abnormal": np.arange(n) < asf,
            "reason": ["blank" if k % 2 else "blank|too_few_rows" for k in range(n)],
        }
    ).astype(NOT_EVALUABLE.columns)


def make_source_study():
    """The source study's table: 914 of 1,018 and 876 of 995."""
    cells = [914, 104, 876, 119]
    said = np.repeat([1.0, 0.0, 0.0, 1.0], cells)
    patient = [f"P{k}" for k in range(2013)]
    return reading(said, np.repeat([True, True, False, False], cells), patient)


def is_wilson(figure, found, n):
    known = wilson(found, n)
    assert figure.n == n
    assert (figure.value, figure.low, figure.high) == pytest.approx(
        (known.value, known.low, known.high)
    )


def test_every_failure_is_a_wrong_answer_of_its_class():
    lost = make_lost(asf=20, nsf=10)

    found = failure_figures(make_source_study(), lost, {"balanced": 0.5})

    is_wilson(found["balanced.recall_asf_with_failures"], 914, 1038)
    is_wilson(found["balanced.recall_nsf_with_failures"], 876, 1005)
    is_wilson(found["balanced.accuracy_with_failures"], 1790, 2043)
    is_wilson(found["not_evaluable_rate"], 30, 2043)


def test_without_failures_the_recalls_stay_as_they_are():
    found = failure_figures(make_source_study(), NOT_EVALUABLE.empty(), {"it": 0.5})

    is_wilson(found["it.recall_asf_with_failures"], 914, 1018)
    assert found["not_evaluable_rate"].value == 0
    assert found["not_evaluable_rate"].high == pytest.approx(0.0019, abs=1e-4)


def test_failures_are_counted_by_class_and_reason():
    assert failure_counts(make_lost(asf=3, nsf=1)) == {
        "n": 4,
        "n_asf": 3,
        "n_nsf": 1,
        "reasons": {"blank": 4, "too_few_rows": 2},
    }
    assert failure_counts(NOT_EVALUABLE.empty())["reasons"] == {}
