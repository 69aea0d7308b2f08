"""Who may put a model in use, and what must be true first."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from cxrmlops.params import PromotionParams, load_params
from cxrmlops.promotion import approval, approval_log
from cxrmlops.promotion.approval import champion_bundle, roll_back
from cxrmlops.registry import versions
from cxrmlops.registry.service import open_client
from cxrmlops.system.errors import BundleError
from tests.conftest import ROOT
from tests.make import SCOPE
from tests.registry.conftest import empty_mlflow  # noqa: F401  a fixture
from tests.registry.stand_ins import compare, register

pytestmark = pytest.mark.integration

approve = partial(approval.approve, scope=SCOPE)


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch, empty_mlflow):  # noqa: F811
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)


def promotion(**quirks: object) -> PromotionParams:
    return load_params(ROOT / "params.yaml").promotion.model_copy(update=quirks)


def events() -> list[tuple[str, str, str]]:
    return [(row.event, row.version, row.name) for row in approval_log.entries()]


def test_where_two_are_asked_for_the_first_only_signs():
    register("1")

    said = approve(
        "candidate",
        scope=SCOPE,
        name="A. Person",
        reason="good",
        params=promotion(approvers=2),
    )

    assert "version 1 is signed, not in use yet: another person is needed" in said
    assert versions.get("1").aliases == ("candidate",)
    with pytest.raises(BundleError, match="is 'champion'"):
        versions.get("champion")

    said = approve(
        "candidate", name="B. Other", reason="yes", params=promotion(approvers=2)
    )

    assert said == "version 1 is champion"
    assert events() == [("signed", "1", "A. Person"), ("approved", "1", "B. Other")]
    (version,) = open_client().search_model_versions("name = 'cxr-sigfind'")
    assert version.tags["cxr.decided_by"] == "A. Person and B. Other"


@pytest.mark.parametrize("again", ["A. Person", "a person", " A.PERSON ", "Ａ. Person"])
def test_the_same_person_twice_is_one_person(again):
    register("1")
    approve("1", name="A. Person", reason="good", params=promotion(approvers=2))

    with pytest.raises(BundleError, match="has signed for version 1 already"):
        approve("1", name=again, reason="still good", params=promotion(approvers=2))

    assert events()[-1] == ("refused", "1", again.strip())
    assert "another person has to" in approval_log.entries()[-1].reason
    assert versions.get("1").aliases == ("candidate",)


def test_who_has_signed_may_put_in_use_once_one_person_is_enough():
    register("1")
    approve("1", name="A. Person", reason="good", params=promotion(approvers=2))

    said = approve("1", name="A. Person", reason="good", params=promotion(approvers=1))

    assert said == "version 1 is champion"


def test_a_signature_for_another_bundle_does_not_count():
    register("1", "2")
    approve("1", name="A. Person", reason="good", params=promotion(approvers=2))

    approve("2", name="B. Other", reason="better", params=promotion(approvers=2))

    assert [row.version for row in approval_log.waiting(approval_log.entries())] == [
        "1",
        "2",
    ]
    assert versions.get("2").aliases == ("candidate",)


def test_of_two_people_who_decide_at_once_one_signs_and_the_other_puts_in_use():
    register("1")
    approval_log.entries()  # tables are made

    def decide(name: str) -> str:
        return approve("1", name=name, reason="good", params=promotion(approvers=2))

    with ThreadPoolExecutor(2) as both:
        said = sorted(both.map(decide, ["A. Person", "B. Other"]))

    assert said[0] == "version 1 is champion"
    assert [event for event, *_ in events()] == ["signed", "approved"]
    assert approval_log.first_broken(approval_log.entries()) is None


def test_what_was_not_compared_with_the_model_in_use_makes_no_champion():
    register("1", "2", "3")  # 3 was compared with 2
    approve("1", name="A. Person", reason="first", params=promotion())

    with pytest.raises(BundleError, match="not compared with the model in use now"):
        approve("3", name="A. Person", reason="better", params=promotion())

    said = approve("2", name="A. Person", reason="better", params=promotion())
    assert said.splitlines() == ["version 2 is champion", "fine", "own"]
    approve("3", name="A. Person", reason="better", params=promotion())


def test_an_alias_that_somebody_moved_by_hand_opens_no_way_round():
    register("1", "2", "3")
    approve("1", name="A. Person", reason="first", params=promotion())
    client = open_client()
    client.set_registered_model_alias(versions.MODEL, versions.CHAMPION, "3")

    with pytest.raises(BundleError, match="the history has bundle 111111111111 in use"):
        champion_bundle()
    with pytest.raises(BundleError, match="not compared with the model in use now"):
        approve(
            "3",
            scope=SCOPE,
            name="A. Person",
            reason="it is there already",
            params=promotion(),
        )
    client.set_registered_model_alias(versions.MODEL, versions.PREVIOUS, "2")
    with pytest.raises(BundleError, match="the history never had it in use"):
        roll_back(name="A. Person", reason="worse")


def test_a_model_worse_than_the_champion_is_refused_with_the_figures():
    register("1", "2")
    approve("1", name="A. Person", reason="first", params=promotion())
    compare(versions.get("2").run_id, "2", "1", verdict="fail", why="AUC -0.05")

    with pytest.raises(BundleError, match="AUC -0.05"):
        approve("2", name="A. Person", reason="newer", params=promotion())

    assert approval_log.entries()[-1].event == "refused"
    assert approval_log.entries()[-1].reason == "AUC -0.05"


def test_an_approval_that_was_killed_before_its_row_is_finished_by_the_next():
    register("1", "2")
    approve("1", name="A. Person", reason="first", params=promotion())
    versions.promote(versions.get("2"), name="A. Person", reason="killed here")

    said = approve("2", name="A. Person", reason="again", params=promotion())

    assert said.splitlines()[0] == "version 2 is champion"
    assert approval_log.in_use(approval_log.entries()) == "2" * 64
    assert versions.get("previous").number == "1"
    assert "rolled" not in str(events())
    assert roll_back(name="B. Other", reason="worse") == "version 1 is champion again"


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("refused", "was refused by the gate: weak"),
        ("not assessed", "could not be assessed by the gate, which is no pass: weak"),
    ],
)
def test_what_the_gate_did_not_pass_when_asked_again_is_not_approved(outcome, sentence):
    register("1")
    run_id = versions.get("1").run_id
    for name, value in (("cxr.gate", outcome), ("cxr.gate_reasons", "weak")):
        open_client().set_tag(run_id, name, value)

    with pytest.raises(BundleError, match=sentence):
        approve("1", name="A. Person", reason="good", params=promotion())

    assert [event for event, _, _ in events()] == ["refused"]
