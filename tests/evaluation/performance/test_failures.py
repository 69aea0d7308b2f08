import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.performance.failures import (
    Failures,
    failure_counts,
    intention_to_diagnose_figures,
)
from cxrmlops.evaluation.performance.figures import reading
from cxrmlops.evaluation.statistics.intervals import wilson
from cxrmlops.records.tables import NOT_EVALUABLE


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

    failures = Failures(lost, np.zeros(2013, bool))
    found = intention_to_diagnose_figures(
        make_source_study(), failures, {"balanced": 0.5}
    )

    is_wilson(found["balanced.recall_asf_with_failures"], 914, 1038)
    is_wilson(found["balanced.recall_nsf_with_failures"], 876, 1005)
    is_wilson(found["balanced.accuracy_with_failures"], 1790, 2043)
    is_wilson(found["not_evaluable_rate"], 30, 2043)


def test_a_probability_on_the_threshold_is_answered_asf():
    patients = [f"P{k}" for k in range(4)]
    read = reading([0.5, 0.5, 0.4, 0.4], [True, False, True, False], patients)
    none = Failures(NOT_EVALUABLE.empty(), np.zeros(4, bool))

    found = intention_to_diagnose_figures(read, none, {"it": 0.5})

    assert found["it.recall_asf_with_failures"].value == 0.5
    assert found["it.recall_nsf_with_failures"].value == 0.5
    assert found["it.accuracy_with_failures"].value == 0.5


def test_without_failures_the_recalls_stay_as_they_are():
    none = Failures(NOT_EVALUABLE.empty(), np.zeros(2013, bool))
    found = intention_to_diagnose_figures(make_source_study(), none, {"it": 0.5})

    is_wilson(found["it.recall_asf_with_failures"], 914, 1018)
    assert found["not_evaluable_rate"].value == 0
    assert found["not_evaluable_rate"].high == pytest.approx(0.0019, abs=1e-4)


def test_a_study_that_the_night_would_refuse_is_a_failure_however_it_is_answered():
    unfamiliar = np.zeros(2013, bool)
    # three right and one wrong ASF, a wrong NSF
    unfamiliar[[0, 1, 2, 914, 2012]] = True

    failures = Failures(make_lost(asf=1, nsf=0), unfamiliar)
    found = intention_to_diagnose_figures(
        make_source_study(), failures, {"balanced": 0.5}
    )

    is_wilson(found["balanced.recall_asf_with_failures"], 911, 1019)
    is_wilson(found["balanced.recall_nsf_with_failures"], 876, 995)
    is_wilson(found["not_evaluable_rate"], 6, 2014)


def test_failures_are_counted_by_class_and_reason():
    counts = failure_counts(Failures(make_lost(asf=3, nsf=1), np.arange(9) < 2))

    assert counts.model_dump() == {
        "n": 4,
        "n_asf": 3,
        "n_nsf": 1,
        "n_unfamiliar": 2,
        "reasons": {"blank": 4, "too_few_rows": 2},
    }
    none = Failures(NOT_EVALUABLE.empty(), np.zeros(9, bool))
    assert failure_counts(none).reasons == {}
