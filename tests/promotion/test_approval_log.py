import json

import pytest
from sqlalchemy.exc import DBAPIError

from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.promotion import approval_log


@pytest.fixture(autouse=True)
def _address(monkeypatch, ledger, tmp_path):
    monkeypatch.setenv("CXR_AUDIT", str(tmp_path / "audit.jsonl"))
    address = ledger.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CXR_LEDGER_URL", address)


def decide(
    event=approval_log.APPROVED, *, version="1", name="A. Person", bundle="ab" * 32
):
    with approval_log.open_book() as book:
        book.add(
            event, version=version, bundle_hash=bundle, name=name, reason=f"of {name}"
        )


def test_decisions_are_kept_in_order_with_who_and_why():
    decide(version="1")
    decide(approval_log.ROLLED_BACK, version="2", name=" B. Person ")

    first, second = approval_log.entries()

    assert (first.number, first.version, first.event) == (1, "1", "approved")
    assert (second.number, second.name) == (2, "B. Person")
    assert second.reason == "of  B. Person"
    assert approval_log.first_broken([first, second]) is None


def test_who_changes_the_model_in_use_stands_in_the_audit_stream(tmp_path):
    decide(version="1")

    (line,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["event"], told["type"]) == ("110113", "110131")
    assert (told["decision"], told["user"]) == ("approved", "A. Person")


def test_a_change_that_fails_leaves_no_row():
    def fail(book):
        book.add("approved", version="1", bundle_hash="a", name="A", reason="b")
        raise RuntimeError("MLflow did not answer")

    with pytest.raises(RuntimeError), approval_log.open_book() as book:
        fail(book)

    assert approval_log.entries() == []


def test_a_signature_counts_for_its_bundle_until_the_model_in_use_changes():
    decide(approval_log.SIGNED, bundle="a" * 64)
    decide(approval_log.SIGNED, bundle="b" * 64, name="B. Person")
    decide(approval_log.REFUSED, bundle="b" * 64, name="C. Person")
    rows = approval_log.entries()
    assert [r.name for r in approval_log.signatures(rows, "a" * 64)] == ["A. Person"]
    assert [r.name for r in approval_log.signatures(rows, "b" * 64)] == ["B. Person"]
    assert [r.name for r in approval_log.waiting(rows)] == ["A. Person", "B. Person"]
    assert approval_log.in_use(rows) == ""

    decide(approval_log.APPROVED, bundle="b" * 64, name="D. Person")

    assert approval_log.in_use(approval_log.entries()) == "b" * 64
    assert approval_log.waiting(approval_log.entries()) == []


@pytest.mark.parametrize(
    "change", ["UPDATE history SET name = ''", "DELETE FROM history"]
)
def test_the_database_itself_refuses_to_rewrite_history(change):
    decide()

    with (
        pytest.raises(DBAPIError, match="append-only"),
        transaction(open_database()) as connection,
    ):
        connection.exec_driver_sql(change)

    assert [row.name for row in approval_log.entries()] == ["A. Person"]


def test_a_row_changed_behind_our_back_breaks_the_seal():
    decide()
    decide(version="2")
    rows = approval_log.entries()

    forged = [type(rows[0])(**(rows[0].__dict__ | {"name": "X"})), rows[1]]

    assert approval_log.first_broken(forged) == 1
    assert approval_log.first_broken(rows[1:]) == 1


def test_looks_count_models_per_test_set():
    assert approval_log.count_look("model-a", "test-1") == 1
    assert approval_log.count_look("model-a", "test-1") == 1
    assert approval_log.count_look("model-b", "test-1") == 2
    assert approval_log.count_look("model-b", "test-2") == 1
