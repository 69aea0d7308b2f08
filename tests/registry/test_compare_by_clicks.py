"""What people click in MLflow's pages to compare two trainings, in a real browser."""

from typing import Any

import pytest

from cxrmlops.model.bundle import bundle_hash
from cxrmlops.registry import versions
from cxrmlops.registry.record import complete_run
from cxrmlops.registry.tracking import find_or_make_run, open_epoch_log
from tests import make
from tests.make_records import estimate, make_metrics, make_verdict
from tests.registry.test_server import server  # noqa: F401  a fixture

pytestmark = [pytest.mark.services, pytest.mark.slow]

PATIENCE = 60_000  # ms, of a busy machine
AUCS = {1: 0.91, 2: 0.93}  # of the training with this seed


@pytest.fixture
def mlflow_page(server, measured, project, settings, monkeypatch, browser_page):  # noqa: F811
    """MLflow's pages on two trainings that differ in their seed, both registered."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    for seed, auc in AUCS.items():
        figure = estimate(auc - 0.01, auc, auc + 0.01)
        make_metrics(figures={"auc": figure}).write(measured / "evaluate/figures.json")
        chosen = settings | {"train": settings["train"] | {"seed": seed}}
        with open_epoch_log(chosen) as send:
            send({"epoch": 1, "val_loss": 0.4, "val_auc": auc})
        run_id = find_or_make_run(chosen, split=measured / "split")
        complete_run(run_id, settings=chosen)
        bundle = make.make_reading_bundle(project / f"bundle-{seed}", seed=seed)
        verdict = make_verdict(bundle_hash=bundle_hash(bundle))
        versions.register(bundle, verdict=verdict, run_id=run_id)
    browser_page.set_default_timeout(PATIENCE)
    browser_page.set_viewport_size({"width": 1400, "height": 900})
    browser_page.add_locator_handler(  # MLflow greets whoever comes first
        browser_page.locator("[class*=modal-wrap]"),
        lambda _: browser_page.keyboard.press("Escape"),
    )
    browser_page.goto(server)
    return browser_page


def test_two_trainings_and_two_versions_are_compared_by_clicks(mlflow_page):
    errors: list[str] = []
    mlflow_page.on("pageerror", lambda error: errors.append(str(error)))

    mlflow_page.get_by_role("link", name="cxrmlops").first.click()
    mlflow_page.get_by_role("link", name="Training runs").first.click()
    said = compare(mlflow_page, "train resnet18 64 seed 2")
    assert {"train resnet18 64 seed 1", "train resnet18 64 seed 2"} <= said
    assert {"auc", "auc.low", "gate.failed", "0.91", "0.93"} <= said

    mlflow_page.get_by_text("Model training", exact=True).first.click()
    mlflow_page.get_by_role("link", name="Model registry").first.click()
    mlflow_page.get_by_role("link", name=versions.MODEL, exact=True).first.click()
    mlflow_page.get_by_text("cxrmlops register").first.wait_for()  # its description
    said = compare(mlflow_page, "Version 2")
    assert {"train.seed\t1\t2", "auc\t0.91\t0.93", "auc.low\t0.9\t0.92"} <= said
    assert errors == []


def compare(page: Any, awaited: str) -> set[str]:
    """Mark all of a list that holds `awaited`, press Compare; return the lines."""
    page.get_by_text(awaited, exact=True).first.wait_for()
    page.get_by_role("checkbox").first.check(force=True)
    page.get_by_role("button", name="Compare", exact=True).first.click()
    page.get_by_text("Parallel Coordinates Plot").first.wait_for()
    page.get_by_text("auc.low", exact=True).first.wait_for()
    return {line.strip() for line in page.inner_text("body").splitlines()}
