from cxrmlops.records.headline import Headline
from tests.make_records import (
    estimate,
    good_figures,
    make_gate,
    make_metrics,
    make_verdict,
)


def test_the_headline_is_small_and_says_what_the_gate_said():
    gates = (make_gate(), make_gate(name="maps.road", verdict="not_assessed"))

    headline = Headline.of(make_metrics(), make_verdict(gates=gates))

    assert headline.model_dump() == {
        "auc": 0.96,
        "auc_low": 0.951,
        "auc_high": 0.969,
        "recall_asf": 0.898,
        "recall_nsf": 0.88,
        "recall_asf_high_sensitivity": 0.98,
        "recall_nsf_high_sensitivity": None,
        "ece": 0.02,
        "gate": "passed",
        "gates_failed": 0,
        "gates_not_assessed": 1,
        "n_test_studies": 2013,
    }


def test_figures_that_differ_by_nothing_people_read_are_the_same():
    figures = good_figures() | {"auc": estimate(0.9, 0.95000001, 0.99)}

    headline = Headline.of(
        make_metrics(figures=figures), make_verdict(outcome="refused")
    )

    assert headline.auc == 0.95
    assert headline.gate == "refused"
