"""A real OHIF viewer in a browser, in front of a real Orthanc."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cxrmlops.params import Ports
from cxrmlops.stack.configuration import viewer, viewer_settings
from cxrmlops.stack.ohif import VERSION, fetch_viewer
from cxrmlops.stack.place import LOOPBACK, Place
from cxrmlops.system.errors import ServiceError
from cxrmlops.system.http_question import NoAnswerError, get
from tests.orthanc import Orthanc, free_ports

CACHE = Path.home() / ".cache" / "cxrmlops"  # OHIF's package, 48 MB
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
DIST = CACHE / f"ohif-{VERSION}"

_PATIENCE = 60_000  # ms, of a busy machine
_VIEWPORT = '[data-cy="viewport-pane"]'
SIZE = {"width": 1280, "height": 800}  # a small screen: text that fits here always does
# Chromium draws WebGL without a graphics card.
BROWSER = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader")
BROWSER += ("--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
# Its guided tour covers the pictures.
_NO_TOUR = """
const tour = '.shepherd-modal-overlay-container, .shepherd-element';
setInterval(() => document.querySelectorAll(tour).forEach(e => e.remove()), 100);
"""


@dataclass(frozen=True)
class Box:
    """Where something lies on the page, pixels."""

    x: float
    y: float
    width: float
    height: float

    def holds(self, other: "Box") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def meets(self, other: "Box") -> bool:
        return (
            max(self.x, other.x) < min(self.x + self.width, other.x + other.width)
            and max(self.y, other.y) < min(self.y + self.height, other.y + other.height)
        )  # fmt: skip


class Viewer:
    """What a person does in OHIF, and what is then on the screen."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self._address = address
        self.errors: list[str] = []
        page.set_viewport_size(SIZE)
        page.add_init_script(_NO_TOUR)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def list_studies(self) -> str:
        """Open the work list; return its text."""
        self.page.goto(self._address)
        self.page.get_by_text("Synthetic").first.wait_for(timeout=_PATIENCE)
        return self.page.inner_text("body")

    def open_study(self, study_instance_uid: str) -> None:
        self.page.goto(f"{self._address}/viewer?StudyInstanceUIDs={study_instance_uid}")
        self._thumbnails().first.wait_for(timeout=_PATIENCE)
        self._wait_for_picture()

    def series(self, *modalities: str) -> list[str]:
        """Return the descriptions in the study browser, in its order."""
        texts = [one.split("\n") for one in self._thumbnails().all_inner_texts()]
        return [text[1] for text in texts if text[0] in modalities]

    def open_series(self, words: str) -> None:
        """Double-click on the first series with these words."""
        self._thumbnails().filter(has_text=words).first.dblclick()
        self._wait_for_picture()

    def annotations(self) -> list[tuple[list[str], Box]]:
        """Return the lines of each text written over the film, and where it stands."""
        found = self.page.locator(f"{_VIEWPORT} svg.svg-layer g:has(> text)")
        found.first.wait_for(timeout=_PATIENCE)
        return [
            (one.locator("tspan").all_text_contents(), _box(one)) for one in found.all()
        ]

    def viewport(self) -> Box:
        return _box(self.page.locator(_VIEWPORT).first)

    def corner(self) -> str:
        """Return what the viewer itself writes over a picture's upper left corner."""
        return self.page.inner_text('[data-cy="viewport-overlay-top-left"]')

    def cine_is_shown(self) -> bool:
        return self.page.locator('[data-cy^="cine-player"]').count() > 0

    def notice(self) -> str:
        """Return what the viewer asks over the film; "" if nothing."""
        return "".join(
            self.page.locator('[data-cy="viewport-notification"]').all_inner_texts()
        )

    def save_picture(self, path: Path) -> None:
        self.page.screenshot(path=path)

    def _wait_for_picture(self) -> None:
        """Wait until nothing is fetched any more, and what came has been drawn."""
        self.page.wait_for_load_state("networkidle", timeout=_PATIENCE)
        self.page.wait_for_timeout(2000)

    def _thumbnails(self) -> Any:
        return self.page.locator('[data-cy^="study-browser-thumbnail"]')


def _box(locator: Any) -> Box:
    return Box(**locator.bounding_box())


@contextmanager
def serving(orthanc: Orthanc) -> Iterator[str]:
    """Serve the viewer and the archive as `cxrmlops up` does; skips without the viewer.

    nginx, its settings and the viewer's are those of `stack/configuration.py`.
    """
    try:
        fetch_viewer(DIST, cache=CACHE)
    except ServiceError as error:
        pytest.skip(str(error))
    with TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        place = Place(
            folder=folder,
            project="",
            programs="",
            listen=LOOPBACK,
            hosts={},
            ports=Ports(orthanc=orthanc.http_port, viewer=port),
            passwords="",
            time_zone="UTC",
        )
        here = Path(folder) / "viewer"
        here.mkdir()
        (here / "dist").symlink_to(DIST)
        (here / "app-config.js").write_text(viewer_settings())
        settings = Path(folder) / "viewer.conf"
        account = "root" if os.geteuid() == 0 else None  # who may read the cache
        settings.write_text(viewer(place, password="", account=account))
        with _running(NGINX, "-e", "stderr", "-c", str(settings)):
            _await(f"http://{LOOPBACK}:{port}/")
            yield f"http://{LOOPBACK}:{port}"


@contextmanager
def _running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _await(address: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            get(address)
            return
        except NoAnswerError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
