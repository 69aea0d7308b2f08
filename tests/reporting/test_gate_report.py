import re

from cxrmlops.reporting.gate_report import rows, write_gate
from tests.make_records import make_gate, make_verdict

GATES = (
    make_gate(name="auc", value=0.951234, bound=0.945, reason="reaches <bound>"),
    make_gate(name="maps.road", value=None, n=0, verdict="not_assessed"),
    make_gate(name="ece", value=0.08, bound=0.06, verdict="fail"),
)


def test_what_failed_comes_first_and_every_question_has_value_bound_and_n():
    first, second, third = rows(make_verdict(gates=GATES))

    assert [first["question"], first["verdict"]] == ["ece", "failed"]
    assert [first["value"], first["bound"], first["n"]] == ["0.08", "0.06", "2,013"]
    assert [second["question"], second["value"]] == ["maps.road", ""]
    assert [third["question"], third["value"]] == ["auc", "0.9512"]


def test_the_page_says_the_verdict_and_needs_no_network(tmp_path):
    write_gate(tmp_path / "gate.html", make_verdict(gates=GATES, outcome="refused"))

    page = (tmp_path / "gate.html").read_text()
    assert "<title>Gate: refused</title>" in page
    assert (
        "refused, 1 of 3 questions failed and 1 passed; 1 not assessed: maps.road"
        in page
    )
    assert "reaches &lt;bound&gt;" in page
    assert not re.search(r"(src|href)=|url\(|@import", page)


def test_a_verdict_without_failures_has_no_such_section(tmp_path):
    write_gate(tmp_path / "gate.html", make_verdict())

    assert "Failed" not in (tmp_path / "gate.html").read_text()
