"""What a person clicks in Prefect's pages, and what is then on the screen."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATIENCE = 60_000  # ms, of a busy machine
_CLICKS = 3
ENDED = ".state--completed, .state--failed, .state--crashed"
LIGHT = "localStorage.setItem('color-scheme', JSON.stringify('light'))"
SIZE = {"width": 1400, "height": 900}


class PrefectPages:
    """Prefect's user interface in a real browser."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self._address = page, address
        self.errors: list[str] = []
        page.set_default_timeout(_PATIENCE)
        page.set_viewport_size(SIZE)
        page.add_init_script(LIGHT)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def deployments(self) -> str:
        """Open the list of deployments; return its text."""
        self.page.goto(f"{self._address}/deployments")
        self.page.get_by_role("link", name="train", exact=True).first.wait_for()
        return str(self.page.inner_text("body"))

    def quick_run(self, deployment: str) -> None:
        """Run a deployment as it is scheduled."""
        self._make_run(lambda: self._run_menu(deployment, "Quick run"))

    def open_form(self, deployment: str) -> None:
        """Open the form of a run with other parameters."""
        self._run_menu(deployment, "Custom run")
        self.page.get_by_role("button", name="Submit", exact=True).wait_for()

    def form(self) -> str:
        """Return the text of the form."""
        return str(self.page.inner_text("form"))

    def fill(self, field: str, text: str) -> None:
        """Write into a field of the form."""
        self._field(field).locator("input, textarea").first.fill(text)

    def choose(self, field: str, choice: str) -> list[str]:
        """Choose what a field of the form offers; return all that it offers."""
        self._field(field).locator(".p-select-button").click()
        self.page.keyboard.press("ArrowDown")
        offered = self.page.locator(".p-select-option")
        offered.first.wait_for()
        found = [str(text).strip() for text in offered.all_inner_texts()]
        offered.get_by_text(choice, exact=True).first.click()
        return found

    def submit(self) -> None:
        """Send the form, and open the page of the run."""
        button = self.page.get_by_role("button", name="Submit", exact=True)
        self._make_run(button.click)

    def wait_for_end(self) -> tuple[str, str]:
        """Wait until the run has ended; return its name and its state."""
        ended = self.page.locator(ENDED).first
        ended.wait_for()
        heading = self.page.locator(".page-heading").first.inner_text()
        return heading.split("\n")[1], str(ended.inner_text()).strip()

    def open_artifacts(self, *keys: str) -> None:
        """Open the artifacts of the run; wait until each of these is among them."""
        self.page.get_by_text("Artifacts", exact=True).last.click()
        for key in keys:  # a card comes before its text
            self._cards().filter(has_text=key).first.wait_for()

    def open_artifact(self, key: str) -> str:
        """Open a page of text among the artifacts of the run; return the text."""
        self._cards().filter(has_text=key).first.click()
        page = self.page.locator(".artifact-data-markdown")
        page.wait_for()
        return str(page.inner_text())

    def pictures_shown(self) -> int:
        """Count the pictures of an artifact that were drawn."""
        drawn = "images => images.filter(one => one.naturalWidth > 0).length"
        return int(self.page.locator(".artifact-data-markdown img").evaluate_all(drawn))

    def save_picture(self, path: Path) -> None:
        """Save what is on the screen."""
        self.page.wait_for_timeout(1500)  # what moves comes to rest
        self.page.screenshot(path=path)

    def _field(self, name: str) -> Any:
        fields = self.page.locator(".schema-form-property")
        label = self.page.locator(".schema-form-property__label")
        words = re.compile(rf"^{name}( \(Optional\))?$")
        return fields.filter(has=label.filter(has_text=words))

    def _cards(self) -> Any:
        return self.page.locator('a[href*="/artifacts/artifact/"]')

    def _run_menu(self, deployment: str, how: str) -> None:
        self.deployments()
        self.page.get_by_role("link", name=deployment, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text(how, exact=True).first.click()

    def _make_run(self, click: Callable[[], None]) -> None:
        """Click, again if need be, and open the page of the run.

        A server that is busy may refuse the run; the page says so and asks no more.
        """
        made = any(self._is_made(click) for _ in range(_CLICKS))
        assert made, f"no run was made by {_CLICKS} clicks"
        self._follow()

    def _is_made(self, click: Callable[[], None]) -> bool:
        """Click; return whether a run was asked for, and the server made it."""
        from playwright.sync_api import TimeoutError as NothingSent

        try:
            with self.page.expect_request("**/create_flow_run") as sent:
                click()
        except NothingSent:
            return False
        return bool(sent.value.response().ok)

    def _follow(self) -> None:
        # a note that slides in, and away: a click waits until it stands still
        self.page.get_by_text("View run").first.dispatch_event("click")
        self.page.wait_for_url("**/runs/flow-run/**")
