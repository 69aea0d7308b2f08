"""Champion and challenger of a ledger, with reports that arrive."""

import pandas as pd
import pytest

from cxrmlops.backlog import challenges
from cxrmlops.backlog.database import open_database
from cxrmlops.params import load_params
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.challenger_comparison import compare_challenger
from cxrmlops.system.errors import BundleError
from tests.backlog.test_challenges import CHAMPION, MINE, answered, enlist, said, take
from tests.conftest import ROOT
from tests.make import make_site

UIDS = [f"1.2.{n}" for n in range(8)]


@pytest.fixture
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = load_params(ROOT / "params.yaml")
    watch = params.watch.model_copy(update={"min_reported": 4})
    return params.model_copy(update={"watch": watch})


def decide() -> None:
    facts = {"version": "1", "name": "A. Person", "reason": "good"}
    with approval_log.open_book() as book:
        book.add(approval_log.APPROVED, bundle_hash=CHAMPION, **facts)
        book.add(approval_log.CHALLENGER, bundle_hash=MINE, **facts)


def read_nights() -> None:
    """Let both read eight studies; the challenger ranks every ASF above every NSF."""
    engine = open_database()
    chunk = answered(engine, *UIDS)
    old = {uid: said(round(0.1 * n, 4)) for n, uid in enumerate(UIDS)}
    enlist(engine, chunk, **old)
    for n, one in enumerate(take(engine)):
        challenges.note(engine, one.number, said(0.9 if n % 2 else 0.2))


def report(folder, uids: list[str]) -> None:
    folder.mkdir()
    words = ["ASF" if int(uid[-1]) % 2 else "NSF" for uid in uids]
    table = pd.DataFrame({"study_instance_uid": uids, "conclusion": words})
    table.to_csv(folder / "reports.csv", index=False)


def test_reports_that_arrive_give_a_paired_difference(params, tmp_path):
    decide()
    read_nights()
    report(tmp_path / "arrived", UIDS)

    found = compare_challenger(
        params, make_site(tmp_path, arrived=tmp_path / "arrived")
    )

    assert (found.n_both, found.n_reported, found.n_asf, found.n_nsf) == (8, 8, 4, 4)
    assert found.auc_challenger.value == 1.0
    assert found.auc_champion.value == pytest.approx(10 / 16)
    assert found.auc_difference.value == pytest.approx(6 / 16)
    assert found.counts == {"scored": 8}


def test_while_reports_are_few_nothing_is_assessed_but_agreement(params, tmp_path):
    decide()
    read_nights()
    report(tmp_path / "arrived", UIDS[:3])

    found = compare_challenger(
        params, make_site(tmp_path, arrived=tmp_path / "arrived")
    )

    assert found.why == "1 ASF and 2 NSF with a report, 4 of each are asked"
    assert found.auc_difference is None
    assert found.points[0].only_challenger_asf == 3
    assert found.since


def test_nobody_is_named_in_what_is_written(params, tmp_path):
    decide()
    read_nights()

    text = compare_challenger(params, make_site(tmp_path)).model_dump_json()

    assert not any(uid in text for uid in (*UIDS, "P-1.2", "A-1.2"))


def test_without_a_challenger_there_is_nothing_to_compare(params, tmp_path):
    with pytest.raises(BundleError, match="there is nothing to compare"):
        compare_challenger(params, make_site(tmp_path))
