"""What people click in Prefect and MLflow, clicked in a real browser, to the end."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cxrmlops.promotion import approval_log
from cxrmlops.registry import versions
from tests.conftest import needs
from tests.flows.conftest import stand_in
from tests.flows.test_score import arrive
from tests.flows.test_train import judge, make_pipeline
from tests.prefect_server import serving
from tests.prefect_ui import PrefectPages

pytestmark = [pytest.mark.services, pytest.mark.slow]


@dataclass(frozen=True)
class Hospital:
    """A project with its servers, and a person at a browser."""

    folder: Path
    pages: PrefectPages


@pytest.fixture(scope="module")
def hospital(tmp_path_factory, empty_mlflow) -> Iterator[Hospital]:
    """A tiny made-up cohort under the real DVC, films that wait, nobody trained yet."""
    from playwright.sync_api import sync_playwright  # slow, and few tests need it

    needs("chromium", "chromium")
    folder = tmp_path_factory.mktemp("hospital")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        patch.setenv("CXR_PSEUDONYM_KEY", "test-key")
        patch.setenv("CXR_WORKERS", "0")
        make_pipeline(folder)
        judge(folder / "ready", passed=True)
        change_params(folder, score={"settle_minutes": 0})
        arrive(folder, "1.2.1", "1.2.2", "1.2.3")
        (folder / "data/raw/backlog/notes.txt").write_text("not a film")
        with serving(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            yield Hospital(folder, PrefectPages(browser.new_page(), address))
            browser.close()


def change_params(folder: Path, **sections: dict[str, object]) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for section, values in sections.items():
        params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def trained(hospital) -> str:
    """A training that was started by clicks; the text of its page."""
    pages = hospital.pages
    pages.open_form("train")
    offered = pages.choose("until", "register")
    assert offered[-2:] == ["train", "register"]
    pages.submit()
    assert pages.wait_for_end() == ("train resnet152 512 seed 1", "Completed")
    pages.open_artifacts("train-progress", "train-summary")
    return pages.open_artifact("train-summary")


@pytest.fixture(scope="module")
def approved(hospital, trained) -> None:
    """A person has filled in the form and sent it."""
    pages = hospital.pages
    pages.open_form("approve")
    pages.fill("name", "A. Person")
    pages.fill("reason", "gates passed, maps looked at")
    pages.submit()
    assert pages.wait_for_end() == ("approve candidate", "Completed")


def test_a_deployment_is_found_by_its_name_and_its_tag(hospital):
    said = hospital.pages.deployments()

    for name in ("train", "nightly", "approve", "roll-back", "watch", "clean-up"):
        assert f"\n{name}\n" in said
    assert {"decision", "night", "upkeep"} <= set(said.split())


def test_a_training_by_clicks_shows_its_gate_on_its_own_page(trained):
    assert trained.startswith("Gate passed, 1 of 1 questions; 0 not assessed")
    assert "registered as version 1 (candidate)" in trained
    for words in ("question", "verdict", "value", "bound", "test_studies", "2,013"):
        assert words in trained


def test_a_form_without_a_reason_is_not_sent(hospital):
    pages = hospital.pages
    pages.open_form("approve")
    pages.fill("name", "A. Person")
    pages.page.get_by_role("button", name="Submit", exact=True).click()

    pages.page.get_by_text("required").first.wait_for()


@pytest.mark.usefixtures("approved")
def test_a_version_that_a_person_approved_by_form_is_the_champion():
    (row,) = approval_log.entries()

    assert versions.get("champion").number == "1"
    assert (row.event, row.name) == ("approved", "A. Person")
    assert row.reason == "gates passed, maps looked at"


@pytest.mark.usefixtures("approved")
def test_a_night_by_clicks_balances_and_leads_to_a_reading_list_that_opens(hospital):
    pages = hospital.pages
    pages.quick_run("nightly")

    name, state = pages.wait_for_end()

    assert (name.split()[0], state) == ("night", "Completed")
    pages.open_artifacts("night-progress", "night-summary")
    said = pages.open_artifact("night-summary")
    assert "in 4 = scored 3 + rejected 1 + failed 0 + waiting 0" in said
    assert "cxr-sigfind version 1 (champion)" in said
    assert pages.pictures_shown() == 1
    place = Path(said.partition("Reading list: ")[2].partition(",")[0])
    assert place == hospital.folder / "data/report/reading_list.html"
    pages.page.goto(place.as_uri())
    assert all(f"A-1.2.{n}" in pages.page.inner_text("body") for n in (1, 2, 3))
    assert pages.errors == []
