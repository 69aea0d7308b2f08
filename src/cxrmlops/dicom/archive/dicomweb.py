"""Archive over DICOMweb (PS3.18): QIDO-RS, WADO-RS, STOW-RS."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from cxrmlops.dicom.archive.http_answers import (
    TooLong,
    bound,
    limited,
    open_session,
    shown_place,
    unwrap,
)
from cxrmlops.dicom.archive.login import SOURCE, Login
from cxrmlops.dicom.archive.transfer import (
    MODALITIES,
    RemoteImage,
    Uids,
    judge_status,
    read_uids,
)
from cxrmlops.dicom.identity import is_uid
from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.system.errors import (
    AccessError,
    CxrError,
    ParamsError,
    RefusedError,
    Rejected,
    ServiceError,
)
from cxrmlops.system.files import whole

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 60.0
PAGE = 500  # rows asked for at once
MOST_FRAMING = 2**16  # bytes of multipart around a film
PIECE = 2**20  # bytes read at once

_STUDY, _SERIES, _SOP, _MODALITY = "0020000D", "0020000E", "00080018", "00080060"
_IMAGE = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_NO_RIGHT = (401, 403, 407)
_BUSY = (404, 408, 425, 429)  # 404: moved or removed since it was named

# It logs UIDs, which identify a patient (PS3.15 Annex E).
logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)


class DicomWeb:
    """An archive that speaks DICOMweb."""

    def __init__(self, url: str, login: Login = SOURCE) -> None:
        """Open `http(s)://host[:port]/root`; nothing is sent yet.

        Raises:
            ParamsError: no such address, or one with a password in it.
        """
        self.where, self._login = shown_place(url, login), login
        self._root = url.rstrip("/")
        self._session = open_session(login)
        try:
            self._client = DICOMwebClient(
                self._root,
                session=open_session(login),
                callback=bound,
                permissive_uid=True,
                timeout=(CONNECT_SECONDS, SILENT_SECONDS),
            )
        except ValueError:
            raise ParamsError(
                "the archive's address is no URL of a DICOMweb service; expected "
                "dicomweb:https://host[:port]/root"
            ) from None
        self._client.set_http_retry_params(retry=False)  # the flow tries again

    def check(self) -> None:
        """Ask for one study."""
        try:
            with self._answering():
                self._client.search_for_studies(limit=1)
        except _Absent:
            raise AccessError(
                f"there is no DICOMweb service at {self.where}; correct the path in "
                "site.yaml: archive, or in CXR_ARCHIVE"
            ) from None

    def find_studies(self, modality: str, first: date, last: date) -> set[str]:
        """Ask for the studies of these days, page by page."""
        days = f"{first:%Y%m%d}-{last:%Y%m%d}"
        wanted = {"ModalitiesInStudy": modality, "StudyDate": days}
        search = self._client.search_for_studies
        return set(self._pages(search, _STUDY, search_filters=wanted))

    def find_images(self, study_uid: str) -> list[RemoteImage]:
        """Ask for the series of a study, then for the headers of each."""
        series = self._pages(self._client.search_for_series, _SERIES, study_uid)
        return [
            image
            for uid, row in series.items()
            if _first(row, _MODALITY) in ("", *MODALITIES)
            for image in self._images(study_uid, uid)
        ]

    def fetch(self, image: RemoteImage, place: Path, *, max_bytes: int) -> None:
        """Stream the image to its file, without looking into it."""
        with self._answering(about_one=True), whole(place, private=True) as draft:
            self._download(image, draft, max_bytes)

    def has(self, file: Path) -> bool:
        """Ask for the object by its UID."""
        return self._has(read_uids(file))

    def store(self, file: Path) -> str:
        """Send one object and read what the archive says of it."""
        uids = read_uids(file)
        with self._answering(about_one=True):
            answer = self._send(file)
        return self._judge(answer, uids)

    def _has(self, uids: Uids) -> bool:
        wanted = {"SOPInstanceUID": uids.sop}
        search = self._client.search_for_instances
        try:
            return uids.sop in self._pages(
                search, _SOP, uids.study, search_filters=wanted
            )
        except _Absent:  # some servers say so of a study without such an instance
            return False

    def _pages(
        self, search: Callable[..., Any], key: str, *at: str, **query: Any
    ) -> dict[str, dict[str, Any]]:
        """Ask until a page brings nothing new: a server may cap what we ask for."""
        found: dict[str, dict[str, Any]] = {}
        asked = 0
        while True:
            rows, n = self._page(search, key, *at, limit=PAGE, offset=asked, **query)
            if rows.keys() <= found.keys():
                break
            found |= rows
            asked += n
        if asked and asked % PAGE == 0:
            # Quirk: Orthanc 1.10, with ModalitiesInStudy it counts the offset within
            # the first page, so a second page is always empty.
            found |= self._page(search, key, *at, **query)[0]
        return found

    def _page(
        self, search: Callable[..., Any], key: str, *at: str, **query: Any
    ) -> tuple[dict[str, dict[str, Any]], int]:
        """Return rows by UID, and how many there were with others."""
        with self._answering():
            page = search(*at, **query)
            rows = {_first(row, key): row for row in page}
        return {uid: row for uid, row in rows.items() if is_uid(uid)}, len(page)

    def _images(self, study_uid: str, series_uid: str) -> list[RemoteImage]:
        with self._answering():
            rows = self._client.retrieve_series_metadata(study_uid, series_uid)
            headers = [
                Dataset.from_json(row, bulk_data_uri_handler=lambda *_: None)
                for row in rows
            ]
        return [
            RemoteImage(study_uid, series_uid, uid, header, is_complete=True)
            for header in headers
            if is_uid(uid := text(header, "SOPInstanceUID"))
        ]

    def _download(self, image: RemoteImage, draft: Path, max_bytes: int) -> None:
        address = (
            f"{self._root}/studies/{image.study_uid}/series/{image.series_uid}"
            f"/instances/{image.sop_uid}"
        )
        limits = CONNECT_SECONDS, SILENT_SECONDS
        headers = {"Accept": _IMAGE}
        with self._session.get(
            address, headers=headers, stream=True, timeout=limits
        ) as response:
            response.raise_for_status()
            body = draft.with_name(f"{draft.name}.body")
            try:
                with body.open("wb") as file:
                    pieces = response.iter_content(PIECE)
                    file.writelines(limited(pieces, max_bytes + MOST_FRAMING))
                unwrap(body, response.headers.get("Content-Type", ""), draft)
            except TooLong:
                raise Rejected("too_large", f"more than {max_bytes} bytes") from None
            finally:
                body.unlink(missing_ok=True)
        if draft.stat().st_size > max_bytes:
            raise Rejected("too_large", f"more than {max_bytes} bytes")

    def _send(self, file: Path) -> Dataset:
        try:
            return self._client.store_instances([pydicom.dcmread(file)])
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != 409:
                raise  # 409: not stored, and why
            return Dataset.from_json(error.response.json())

    def _judge(self, answer: Dataset, uids: Uids) -> str:
        for item in answer.get("FailedSOPSequence", []):
            if text(item, "ReferencedSOPInstanceUID") == uids.sop:
                return judge_status(_reason(item, "FailureReason"), where=self.where)
        for item in answer.get("ReferencedSOPSequence", []):
            if text(item, "ReferencedSOPInstanceUID") == uids.sop:
                return judge_status(_reason(item, "WarningReason"), where=self.where)
        if self._has(uids):
            return "stored, found by a query"
        raise ServiceError(
            f"the archive at {self.where} did not say that it stored an object, and "
            "does not find it; nothing is lost, run again"
        )

    @contextmanager
    def _answering(self, *, about_one: bool = False) -> Iterator[None]:
        """Say in one sentence what is wrong; no address of a request, it holds UIDs.

        Args:
            about_one: a refusal speaks of one object; else of us.
        """
        try:
            with suppress_warnings():
                yield
        except (CxrError, OSError) as error:
            if not isinstance(error, requests.RequestException):
                raise
            raise self._trouble(error, about_one) from None
        # Parsers raise anything at all on an answer that is no DICOM.
        except Exception:  # noqa: BLE001
            raise self._garbage() from None

    def _trouble(self, error: requests.RequestException, about_one: bool) -> CxrError:
        if isinstance(error, requests.exceptions.InvalidJSONError):
            return self._garbage()
        if isinstance(error, requests.exceptions.SSLError):
            return AccessError(
                f"the certificate of the archive at {self.where} is not trusted; name "
                "its authority in REQUESTS_CA_BUNDLE, then run again"
            )
        if error.response is not None:
            return self._by_code(error.response.status_code, about_one)
        why = type(error).__name__
        return ServiceError(
            f"the archive at {self.where} did not answer ({why}); nothing is lost, run "
            "again"
        )

    def _by_code(self, code: int, about_one: bool) -> CxrError:
        if code in _NO_RIGHT:
            return AccessError(
                f"the archive at {self.where} does not let us in (HTTP {code}); set "
                f"{self._login}, then run again"
            )
        if code == 404:
            return _Absent(
                f"the archive at {self.where} does not find what it was asked for "
                "(HTTP 404); nothing is lost, run again"
            )
        if code >= 500 or code in _BUSY:
            return ServiceError(
                f"the archive at {self.where} could not answer now (HTTP {code}); "
                "nothing is lost, run again"
            )
        said = f"the archive at {self.where} refused a request (HTTP {code})"
        if about_one:
            return RefusedError(f"{said}; ask its owner why, see: cxrmlops backlog")
        return AccessError(f"{said}; ask its owner why, then run again")

    def _garbage(self) -> ServiceError:
        return ServiceError(
            f"the archive at {self.where} answered with something that is not DICOM; "
            "see whether its address is right, then run again: nothing is lost"
        )


class _Absent(ServiceError):
    """HTTP 404."""


def _first(row: dict[str, Any], tag: str) -> str:
    """Return the first value of a DICOM JSON attribute as text."""
    values = row.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _reason(item: Dataset, keyword: str) -> int:
    return int(item.get(keyword) or 0)
