"""A real OHIF viewer in a browser, in front of a real Orthanc."""

import mimetypes
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cxrmlops.stack.ohif import VERSION, fetch_viewer
from cxrmlops.system.errors import ServiceError
from tests.orthanc import Orthanc

CACHE = Path.home() / ".cache" / "cxrmlops"  # OHIF's package, 48 MB
DIST = CACHE / f"ohif-{VERSION}"

_PATIENCE = 60_000  # ms, of a busy machine
_VIEWPORT = '[data-cy="viewport-pane"]'
SIZE = {"width": 1280, "height": 800}  # a small screen: text that fits here always does
# Chromium draws WebGL without a graphics card.
BROWSER = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader")
BROWSER += ("--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_CONFIG = """window.config = {
  routerBasename: null, extensions: [], modes: [], customizationService: {},
  showStudyList: true, maxNumberOfWebWorkers: 2, strictZSpacingForVolumeViewport: true,
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  investigationalUseDialog: {option: 'never'}, defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Orthanc', name: 'Orthanc', wadoUriRoot: '/dicom-web',
      qidoRoot: '/dicom-web', wadoRoot: '/dicom-web', imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
      supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true,
    },
  }],
};"""
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
    """Serve the viewer and the archive under one address; skips without the viewer."""
    try:
        fetch_viewer(DIST, cache=CACHE)
    except ServiceError as error:
        pytest.skip(str(error))
    handler = partial(_Handler, orthanc.url)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """Sends files of the viewer; hands /dicom-web on to the archive."""

    def __init__(self, archive: str, *arguments: Any) -> None:
        self._archive = archive
        super().__init__(*arguments)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # noqa: N802
        path = self.path.split("?")[0]
        if path.startswith("/dicom-web"):
            code, kind, body = self._from_archive()
        elif path == "/app-config.js":
            code, kind, body = 200, "text/javascript", _CONFIG.encode()
        else:
            code, kind, body = _file(path)
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(body)

    def _from_archive(self) -> tuple[int, str, bytes]:
        accept = {"Accept": self.headers.get("Accept", "*/*")}
        request = urllib.request.Request(self._archive + self.path, headers=accept)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, "text/plain", error.read()


def _file(path: str) -> tuple[int, str, bytes]:
    file = (DIST / path.lstrip("/")).resolve()
    if not file.is_file() or DIST.resolve() not in file.parents:
        file = DIST / "index.html"  # the viewer's own paths
    known = {".js": "text/javascript", ".wasm": "application/wasm"}
    kind = known.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    return 200, kind or "application/octet-stream", file.read_bytes()
