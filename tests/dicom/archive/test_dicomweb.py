import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless

from cxrmlops.dicom.archive import dicomweb, http_answers
from cxrmlops.dicom.archive.dicomweb import DicomWeb
from cxrmlops.dicom.archive.login import RESULTS
from cxrmlops.dicom.archive.transfer import RemoteImage
from cxrmlops.system.errors import (
    AccessError,
    CxrError,
    ParamsError,
    RefusedError,
    Rejected,
    ServiceError,
)
from tests import make

JSON = "application/dicom+json"
MULTIPART = 'multipart/related; type="application/dicom"; boundary="X"'
DAYS = date(2024, 1, 29), date(2024, 1, 31)
ROW = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}


@dataclass
class Server:
    """A server that says what the test wants it to, and keeps what it was asked."""

    url: str = ""
    code: int = 200
    kind: str = JSON
    body: bytes = b"[]"
    length: int | None = None  # that it promises
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(told.code)
            self.send_header("Content-Type", told.kind)
            length = len(told.body) if told.length is None else told.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_GET

        def log_message(self, *_) -> None: ...

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{serving.server_port}/dicom-web"
    yield told
    serving.shutdown()
    serving.server_close()


def remote_image(image: Path) -> RemoteImage:
    return make.make_remote_image(image, is_complete=True)


def wrapped(*parts: bytes, end: bytes = b"\r\n--X--\r\n") -> bytes:
    head = b"\r\n--X\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + part for part in parts) + end


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (401, AccessError, "does not let us in .*set CXR_ARCHIVE_TOKEN"),
        (403, AccessError, "does not let us in"),
        (404, AccessError, "there is no DICOMweb service"),
        (400, AccessError, "refused a request"),
        (429, ServiceError, "could not answer now"),
        (500, ServiceError, "could not answer now"),
        (503, ServiceError, "could not answer now"),
    ],
)
def test_a_refusal_is_told_in_one_sentence_and_says_who_acts(
    server, code, error, words
):
    server.code = code

    with pytest.raises(error, match=words) as raised:
        DicomWeb(server.url).check()

    assert "dicom-web" not in str(raised.value)
    assert len(server.asked) == 1  # trying again is the flow's business


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html>log in</html>"),
        (JSON, b"[{"),
        (JSON, b'"text"'),
        (JSON, b"[1, 2]"),
        (JSON, b'[{"0020000D": 7}]'),
        (JSON, b'[{"0020000D": {"Value": 7}}]'),
    ],
)
def test_an_answer_that_is_no_dicom_json_is_a_service_that_failed(server, kind, body):
    server.kind, server.body = kind, body

    with pytest.raises(ServiceError, match="something that is not DICOM"):
        DicomWeb(server.url).find_studies("DX", *DAYS)


def test_an_archive_that_is_not_there_did_not_answer(server):
    with pytest.raises(ServiceError, match="did not answer .*nothing is lost"):
        DicomWeb("http://127.0.0.1:1/dicom-web").check()


def test_an_archive_that_is_silent_did_not_answer(server, monkeypatch):
    monkeypatch.setattr(dicomweb, "SILENT_SECONDS", 0.2)
    server.length = 100  # and then nothing

    with pytest.raises(ServiceError, match="did not answer"):
        DicomWeb(server.url).check()


def test_an_answer_without_end_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(http_answers, "MOST_ANSWER", 1000)
    server.body = json.dumps([ROW] * 100).encode()

    with pytest.raises(ServiceError, match="something that is not DICOM"):
        DicomWeb(server.url).find_studies("DX", *DAYS)


def test_a_server_that_ignores_pages_is_asked_no_more_than_twice(server):
    server.body = json.dumps([ROW]).encode()

    assert DicomWeb(server.url).find_studies("DX", *DAYS) == {"1.2.3"}
    assert len(server.asked) == 2
    assert "ModalitiesInStudy=DX&StudyDate=20240129-20240131" in server.asked[0][0]
    assert "offset=1" in server.asked[1][0]


def test_what_is_no_uid_is_not_asked_for(server):
    server.body = json.dumps([{"0020000D": {"Value": ["../../admin"]}}]).encode()

    assert DicomWeb(server.url).find_studies("DX", *DAYS) == set()


def test_an_image_comes_as_it_is_stored(server, image, tmp_path):
    server.kind, server.body = MULTIPART, wrapped(image.read_bytes())

    DicomWeb(server.url).fetch(
        remote_image(image), tmp_path / "got.dcm", max_bytes=10**6
    )

    assert (tmp_path / "got.dcm").read_bytes() == image.read_bytes()
    assert "transfer-syntax=*" in server.asked[0][1]["Accept"]


def test_an_answer_may_begin_with_its_boundary(server, image, tmp_path):
    """RFC 2046 5.1.1: what stands before the first boundary may be absent."""
    server.kind, server.body = MULTIPART, wrapped(image.read_bytes()).lstrip()

    DicomWeb(server.url).fetch(
        remote_image(image), tmp_path / "got.dcm", max_bytes=10**6
    )

    assert (tmp_path / "got.dcm").read_bytes() == image.read_bytes()


def test_an_image_that_is_sent_bare_is_taken_too(server, image, tmp_path):
    server.kind, server.body = "application/dicom", image.read_bytes()

    DicomWeb(server.url).fetch(
        remote_image(image), tmp_path / "got.dcm", max_bytes=10**6
    )

    assert (tmp_path / "got.dcm").read_bytes() == image.read_bytes()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html>log in</html>"),
        ("multipart/related", wrapped(b"film")),
        (MULTIPART, b""),
        (MULTIPART, b"no part at all"),
        (MULTIPART, b"--X\r\n\r\n"),
        (MULTIPART, wrapped(b"film", end=b"")),
        (MULTIPART, wrapped(b"film", end=b"\r\n--X")),
        (MULTIPART, wrapped(b"film", b"another one")),
    ],
)
def test_a_broken_answer_leaves_no_file(server, image, tmp_path, kind, body):
    server.kind, server.body = kind, body
    folder = tmp_path / "spool"

    with pytest.raises(ServiceError, match="something that is not DICOM"):
        DicomWeb(server.url).fetch(
            remote_image(image), folder / "got.dcm", max_bytes=10**6
        )

    assert list(folder.iterdir()) == []


def test_a_connection_that_breaks_leaves_no_file(server, image, tmp_path):
    server.kind, server.body = MULTIPART, wrapped(image.read_bytes())[:5000]
    server.length = 50_000
    folder = tmp_path / "spool"

    with pytest.raises(ServiceError, match="did not answer"):
        DicomWeb(server.url).fetch(
            remote_image(image), folder / "got.dcm", max_bytes=10**6
        )

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("max_bytes", [1000, 45_000])
def test_an_image_that_is_too_large_leaves_no_file(
    server, image, tmp_path, max_bytes, monkeypatch
):
    monkeypatch.setattr(dicomweb, "MOST_FRAMING", 100)
    server.kind, server.body = MULTIPART, wrapped(image.read_bytes())
    folder = tmp_path / "spool"

    with pytest.raises(Rejected, match="too_large"):
        DicomWeb(server.url).fetch(
            remote_image(image), folder / "got.dcm", max_bytes=max_bytes
        )

    assert list(folder.iterdir()) == []


def answer(image: Path, sequence: str, **attributes: int) -> bytes:
    tags = {"FailureReason": "00081197", "WarningReason": "00081196"}
    uid = str(dcmread(image).SOPInstanceUID)
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    for name, value in attributes.items():
        item[tags[name]] = {"vr": "US", "Value": [value]}
    failed = {"FailedSOPSequence": "00081198", "ReferencedSOPSequence": "00081199"}
    return json.dumps({failed[sequence]: {"vr": "SQ", "Value": [item]}}).encode()


@pytest.mark.parametrize(
    ("code", "sequence", "reason", "receipt"),
    [
        (200, "ReferencedSOPSequence", {}, "stored, status 0000H"),
        (202, "ReferencedSOPSequence", {"WarningReason": 0xB000}, "B000H"),
        (409, "FailedSOPSequence", {"FailureReason": 0x0111}, "present, status 0111H"),
    ],
)
def test_what_an_archive_has_gets_a_receipt(
    server, image, code, sequence, reason, receipt
):
    server.code, server.body = code, answer(image, sequence, **reason)

    assert receipt in DicomWeb(server.url).store(image)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (202, 0xA700, ServiceError),
        (409, 0xA700, ServiceError),
        (409, 0xC000, RefusedError),
        (409, 0x0122, RefusedError),
        (409, 0x0124, AccessError),
    ],
)
def test_a_refusal_is_read_item_by_item(server, image, code, reason, error):
    server.code = code
    server.body = answer(image, "FailedSOPSequence", FailureReason=reason)

    with pytest.raises(error, match=f"{reason:04X}H"):
        DicomWeb(server.url).store(image)


@pytest.mark.parametrize("code", [400, 413, 415])
def test_a_request_that_is_refused_speaks_of_this_object_alone(server, image, code):
    server.code = code

    with pytest.raises(RefusedError, match=f"HTTP {code}"):
        DicomWeb(server.url).store(image)


def test_a_success_without_our_object_in_it_is_none(server, image, tmp_path):
    other = make.save_image(make.make_readable_image(2), tmp_path / "other.dcm")
    server.body = answer(other, "ReferencedSOPSequence")

    with pytest.raises(ServiceError, match="did not say that it stored"):
        DicomWeb(server.url).store(image)


def test_credentials_come_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("CXR_ARCHIVE_USER", "reader")
    monkeypatch.setenv("CXR_ARCHIVE_PASSWORD", "secret")
    DicomWeb(server.url).check()
    monkeypatch.setenv("CXR_ARCHIVE_TOKEN", "token")
    DicomWeb(server.url).check()

    sent = [headers["Authorization"] for _, headers in server.asked]
    basic = base64.b64encode(b"reader:secret").decode()
    assert sent == [f"Basic {basic}", "Bearer token"]


def test_an_archive_of_results_has_a_login_of_its_own(server, monkeypatch):
    monkeypatch.setenv("CXR_ARCHIVE_TOKEN", "of the source")
    DicomWeb(server.url, RESULTS).check()
    monkeypatch.setenv("CXR_RESULTS_ARCHIVE_TOKEN", "of the target")
    DicomWeb(server.url, RESULTS).check()

    sent = [headers.get("Authorization") for _, headers in server.asked]
    assert sent == [None, "Bearer of the target"]


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "host/dicom-web", "http://", "http://h:port/", "//host", "http:x"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ParamsError, match="expected dicomweb:https://"):
        DicomWeb(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ParamsError, match="take them out") as error:
        DicomWeb("https://reader:secret@host/dicom-web")

    assert "secret" not in str(error.value)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(server, monkeypatch):
    import requests

    def refuse(*_, **__):
        raise requests.exceptions.SSLError("1.2.3 of CANARY")

    monkeypatch.setattr(requests.Session, "send", refuse)

    with pytest.raises(AccessError, match="certificate .* is not trusted") as error:
        DicomWeb(server.url).check()

    assert "CANARY" not in str(error.value)
    assert isinstance(error.value, CxrError)


@pytest.mark.services
def test_a_real_archive_gives_an_image_in_the_syntax_that_it_has(pacs, tmp_path):
    image = make.make_readable_image()
    image.StudyDate = "20240130"
    image.compress(JPEGLSLossless)
    pacs.put(make.save_image(image, tmp_path / "film.dcm"))
    archive = DicomWeb(pacs.dicomweb.removeprefix("dicomweb:"))

    (study,) = archive.find_studies("DX", *DAYS)
    (found,) = archive.find_images(study)
    archive.fetch(found, tmp_path / "got.dcm", max_bytes=10**6)

    assert (tmp_path / "got.dcm").read_bytes() == (tmp_path / "film.dcm").read_bytes()
    assert archive.find_studies("CR", *DAYS) == set()
    assert found.header.ViewPosition == image.ViewPosition


@pytest.mark.services
def test_a_real_archive_pages_through_its_studies(pacs, tmp_path, monkeypatch):
    monkeypatch.setattr(dicomweb, "PAGE", 2)
    for number in range(5):
        image = make.make_readable_image(study=str(number + 1))
        image.StudyDate = "20240130"
        pacs.put(make.save_image(image, tmp_path / f"{number}.dcm"))

    archive = DicomWeb(pacs.dicomweb.removeprefix("dicomweb:"))

    assert len(archive.find_studies("DX", *DAYS)) == 5
    second_page = "/dicom-web/studies?ModalitiesInStudy=DX&limit=2&offset=2"
    assert pacs.ask(second_page) == []  # else the quirk in DicomWeb may go


@pytest.mark.services
def test_a_real_archive_knows_what_was_stored(pacs, image):
    archive = DicomWeb(pacs.dicomweb.removeprefix("dicomweb:"))

    assert not archive.has(image)
    assert archive.store(image) == "stored, status 0000H"
    assert archive.has(image)
    assert archive.store(image)  # twice does no harm
