import json
import subprocess

import pytest

from cxrmlops.backlog.database import open_database
from cxrmlops.operations.model_checks import (
    check_champion,
    check_code,
    check_key,
    check_model,
    check_weights,
)
from cxrmlops.promotion import approval, approval_log
from cxrmlops.registry import versions
from cxrmlops.registry.service import open_client
from cxrmlops.system.errors import BundleError
from tests import make
from tests.operations.conftest import change_params
from tests.registry.stand_ins import register


def git(*words: str) -> None:
    name = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    subprocess.run(["git", *name, *words], check=True, capture_output=True)


def test_nothing_is_made_where_there_is_no_ledger_or_registry(site):
    assert check_champion().state == "note"
    assert check_model().state == "note"
    assert {path.name for path in site.iterdir()} == {
        *("params.yaml", "site.yaml", "prefect.yaml")
    }


def test_weights_that_are_not_here_are_noted_with_address_and_place(
    site, monkeypatch, tmp_path
):
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path))

    found = check_weights()

    assert found.state == "note"
    assert "https://download.pytorch.org/models/resnet152-394f9c45.pth" in found.do
    (site / "resnet152-394f9c45.pth").touch()
    assert check_weights().state == "ok"
    change_params(site, "train", weights=None)
    assert check_weights().state == "ok"


@pytest.fixture
def registry(site):
    open_database().dispose()
    open_client().search_experiments()
    return site


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.usefixtures("registry")
def test_without_a_champion_the_remedy_is_to_approve():
    found = check_champion()

    assert found.state == "note"
    assert found.do.startswith("cxrmlops approve")


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.usefixtures("registry")
def test_an_alias_that_nobody_decided_on_is_refused():
    register("1")
    open_client().set_registered_model_alias(versions.MODEL, versions.CHAMPION, "1")

    with pytest.raises(BundleError, match="history has no model in use"):
        check_champion()


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.usefixtures("registry")
def test_a_champion_that_can_be_read_is_well_and_reads_its_images(
    monkeypatch, tmp_path
):
    bundle = make.make_reading_bundle(tmp_path / "bundle")
    register("1")
    open_client().set_registered_model_alias(versions.MODEL, versions.CHAMPION, "1")
    monkeypatch.setattr(approval, "champion_bundle", lambda: bundle)

    assert check_champion().state == "ok"
    assert check_model().state == "ok"
    assert approval_log.entries() == []


def test_code_outside_git_is_noted(site):
    assert check_code().state == "note"


def test_uncommitted_changes_are_told_before_days_of_training(site):
    code = site / "network.py"
    code.write_text("depth = 18\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert check_code().state == "ok"

    change_params(site, "gate", min_test_studies=7)
    assert check_code().state == "ok"  # a setting is no code
    code.write_text("depth = 152\n")
    found = check_code()
    assert found.state == "note"
    assert "could not be approved" in found.said
    assert "commit" in found.do


def test_a_key_that_is_not_there_is_not_made(site, monkeypatch, tmp_path):
    monkeypatch.delenv("CXR_PSEUDONYM_KEY")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert check_key().state == "note"
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("site")
def test_the_key_is_never_shown():
    found = check_key()

    assert found.state == "ok"
    assert "test-key" not in found.said


def test_another_key_than_the_cohorts_is_broken(site, monkeypatch):
    summary = {
        "name": "site", "source": "hospital", "label_policy": "1", "window": None,
        "looked_at": 0, "included": 0, "excluded": {}, "studies": 0,
        "abnormal_studies": 0, "patients": 0,
        "reported_studies": {"looked_at": 0, "included": 0, "excluded": {}},
        "adjudicated_studies": 0, "key_fingerprint": "0" * 16, "fingerprint": "f",
    }  # fmt: skip
    place = site / "data/cohort/exclusions.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(summary))

    found = check_key()

    assert found.state == "broken"
    assert "0" * 16 in found.said
