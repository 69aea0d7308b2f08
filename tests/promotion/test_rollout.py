"""Who may let answers out, step by step, and what is kept of it."""

import json
import shutil

import pytest

from cxrmlops.backlog.audit import audit_file
from cxrmlops.params import load_params
from cxrmlops.promotion import approval, approval_log, rollout
from cxrmlops.promotion.rollout_log import challenger_of, decided_by, stage_of
from cxrmlops.registry import versions
from cxrmlops.system.errors import BundleError, ParamsError
from tests.conftest import ROOT
from tests.make import SCOPE
from tests.registry.conftest import empty_mlflow  # noqa: F401  a fixture
from tests.registry.stand_ins import register

pytestmark = pytest.mark.integration

WHO = {"name": "A. Person", "reason": "40 nights agree"}


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch, empty_mlflow):  # noqa: F811
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)


def stage() -> str:
    return stage_of(approval_log.entries())


def approve(version: str) -> None:
    params = load_params(ROOT / "params.yaml").promotion
    approval.approve(
        version, name="A. Person", reason="good", params=params, scope=SCOPE
    )


def test_a_site_begins_in_shadow_and_goes_forward_by_one_stage_at_a_time():
    assert stage() == "shadow"
    assert decided_by(approval_log.entries()) is None
    with pytest.raises(ParamsError, match="from shadow the next stage is supervised"):
        rollout.change_stage("active", **WHO)

    rollout.change_stage("supervised", **WHO)
    said = rollout.change_stage("active", **WHO)

    assert said == "the site is in active from the next night on; before: supervised"
    assert stage() == "active"


def test_a_stage_is_left_out_only_by_who_says_so():
    rollout.change_stage("active", skip_supervised=True, **WHO)

    assert stage() == "active"


def test_back_it_goes_at_once_and_with_one_person():
    rollout.change_stage("active", skip_supervised=True, **WHO)

    rollout.change_stage("shadow", approvers=2, **WHO)

    assert stage() == "shadow"


def test_forward_two_people_are_asked_for_where_an_approval_asks_for_two():
    said = rollout.change_stage("supervised", approvers=2, **WHO)

    assert "the site stays in shadow: another person is needed" in said
    assert stage() == "shadow"
    with pytest.raises(ParamsError, match="has signed for this stage already"):
        rollout.change_stage("supervised", approvers=2, name="a person", reason="go")
    rollout.change_stage("supervised", approvers=2, name="B. Other", reason="go")
    assert stage() == "supervised"


def test_a_signature_is_void_once_the_stage_has_changed():
    rollout.change_stage("supervised", approvers=2, **WHO)
    rollout.change_stage("supervised", **WHO)
    rollout.change_stage("shadow", **WHO)

    rollout.change_stage("supervised", approvers=2, name="B. Other", reason="go")

    assert stage() == "shadow"


@pytest.mark.parametrize(
    ("asked", "words"), [("shadow", "is in shadow already"), ("live", "is no stage")]
)
def test_what_cannot_be_done_leaves_no_row(asked, words):
    with pytest.raises(ParamsError, match=words):
        rollout.change_stage(asked, **WHO)
    with pytest.raises(ParamsError, match="a name and a reason"):
        rollout.change_stage("supervised", name=" ", reason="why")

    assert approval_log.entries() == []


def test_a_change_is_sealed_audited_and_names_the_model_in_use():
    register("1")
    approve("1")
    rollout.change_stage("supervised", **WHO)

    rows = approval_log.entries()
    assert (rows[-1].event, rows[-1].version) == ("stage supervised", "1")
    assert (rows[-1].name, rows[-1].reason) == ("A. Person", "40 nights agree")
    assert approval_log.first_broken(rows) is None
    last = json.loads(audit_file().read_text().splitlines()[-1])
    assert (last["user"], last["model_key"]) == ("A. Person", "1" * 64)
    assert approval_log.in_use(rows) == "1" * 64


def test_a_challenger_is_chosen_shown_and_ended():
    register("1", "2")
    approve("1")

    rollout.decide_challenger("2", **WHO)

    assert challenger_of(approval_log.entries()) == "2" * 64
    assert versions.get("challenger").number == "2"
    assert versions.get("champion").number == "1"

    rollout.decide_challenger("none", **WHO)

    assert challenger_of(approval_log.entries()) == ""
    assert versions.with_alias("challenger") is None
    with pytest.raises(BundleError, match="no version reads along"):
        rollout.end_challenger(**WHO)


def test_the_champion_is_no_challenger_and_a_challenger_is_none_twice():
    register("1", "2")
    approve("1")
    rollout.choose_challenger("2", **WHO)

    for version in ("1", "2"):
        with pytest.raises(BundleError, match="in use or reads along already"):
            rollout.choose_challenger(version, **WHO)


def test_a_challenger_that_comes_into_use_is_none_any_more():
    register("1", "2")
    approve("1")
    rollout.choose_challenger("2", **WHO)

    approve("2")

    assert challenger_of(approval_log.entries()) == ""
    assert "challenger" not in versions.get("2").aliases
