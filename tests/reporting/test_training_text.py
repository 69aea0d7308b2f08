from cxrmlops.reporting.training_text import training_text
from tests.make_records import estimate, make_gate, make_metrics, make_verdict

GATES = (
    make_gate(name="auc", value=0.951234, bound=0.945, n=337, reason="reaches it"),
    make_gate(name="maps.road", value=None, n=None, verdict="not_assessed"),
)


def test_verdict_figures_and_every_question_are_told():
    figure = estimate(0.92, 0.95, 0.97, n=337)
    measured = make_metrics(figures={"auc": figure}, thumbnail={"auc": figure})

    said = training_text(
        make_verdict(gates=GATES),
        measured,
        offered="registered as version 3 (candidate)",
        pages=["[MLflow run](http://127.0.0.1/run)"],
    )

    lines = said.splitlines()
    assert lines[0] == "# Gate passed, 1 of 2 questions; 1 not assessed: maps.road"
    assert lines[2] == "registered as version 3 (candidate)"
    assert lines[4] == "* [MLflow run](http://127.0.0.1/run)"
    assert "| AUC | 0.950 (0.920 to 0.970) |" in lines
    assert "| calibration error | not assessed |" in lines
    assert "| auc | passed | 0.9512 | 0.945 | 337 | reaches it |" in lines
    assert any(line.startswith("| maps.road | not assessed |  |") for line in lines)
