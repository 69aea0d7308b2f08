"""Archive over DIMSE (PS3.4, PS3.7): C-FIND, C-GET or C-MOVE, C-STORE."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind as FIND,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as GET,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as MOVE,
)

from cxrmlops.dicom.archive.dimse_address import Peer
from cxrmlops.dicom.archive.dimse_query import (
    IMAGE_KEYS,
    SERIES_KEYS,
    STUDY_KEYS,
    decoded,
    merged_levels,
    query_dataset,
    return_keys,
)
from cxrmlops.dicom.archive.dimse_receiver import (
    IMAGE_CLASSES,
    IMAGE_CONTEXTS,
    Receiver,
    send_at_once,
)
from cxrmlops.dicom.archive.transfer import (
    MODALITIES,
    RemoteImage,
    judge_status,
    read_uids,
)
from cxrmlops.dicom.identity import is_uid
from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.errors import AccessError, CxrError, ServiceError

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 60.0
ATTEMPTS = 3  # at an association that ends without an answer
MODELS = {"get": GET, "move": MOVE}
_PENDING = (0xFF00, 0xFF01)
_DESTINATION_UNKNOWN = 0xA801
_SOME_FAILED = 0xB000  # of a retrieval; we look for ourselves
_NOT_OFFERED = (0x0122, 0x0124, 0x0211, 0x0212)
_TRANSIENT = 2  # result of a rejection (PS3.8 9.3.4)
_CALLING, _CALLED = (1, 3), (1, 7)  # source and reason: AE title not recognised

# It logs UIDs and whole answers, which identify a patient (PS3.15 Annex E).
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
_config.LOG_HANDLER_LEVEL = "none"


class Dimse:
    """An archive that speaks DIMSE; every question is an association of its own."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.where = f"{peer.called} ({peer.host}:{peer.port})"

    def check(self) -> None:
        """See whether it offers what we need."""
        retrieve = MODELS[self._peer.retrieve]
        with self._association([FIND, retrieve]) as open_one:
            offered = {one.abstract_syntax for one in open_one.accepted_contexts}
        if FIND not in offered:
            raise AccessError(f"the archive {self.where} offers no C-FIND; {_ASK}")
        if retrieve not in offered:
            raise AccessError(
                f"the archive {self.where} offers no C-{self._peer.retrieve.upper()}; "
                f"name the other way in its address (retrieve=...), or {_ASK}"
            )

    def find_studies(self, modality: str, first: date, last: date) -> set[str]:
        """Ask day by day: C-FIND knows no pages."""
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        uids = {
            text(row, "StudyInstanceUID")
            for day in days
            for row in self._find(
                "STUDY",
                StudyInstanceUID="",
                ModalitiesInStudy=modality,
                StudyDate=f"{day:%Y%m%d}",
            )
        }
        return {uid for uid in uids if is_uid(uid)}

    def find_images(self, study_uid: str) -> list[RemoteImage]:
        """Ask for the study, its series, and the images of each."""
        at = {"StudyInstanceUID": study_uid}
        study = merged_levels(*self._find("STUDY", **return_keys(STUDY_KEYS), **at))
        wanted = return_keys(SERIES_KEYS) | {"SeriesInstanceUID": ""} | at
        return [
            image
            for series in self._find("SERIES", **wanted)
            if text(series, "Modality").upper() in ("", *MODALITIES)
            and is_uid(text(series, "SeriesInstanceUID"))
            for image in self._images(study_uid, study, series)
        ]

    def fetch(self, image: RemoteImage, place: Path, *, max_bytes: int) -> None:
        """Ask for the image; it comes in the transfer syntax that it has."""
        receiver = Receiver(image.sop_uid, place, max_bytes=max_bytes)
        query = query_dataset(
            "IMAGE",
            StudyInstanceUID=image.study_uid,
            SeriesInstanceUID=image.series_uid,
            SOPInstanceUID=image.sop_uid,
        )
        try:
            if self._peer.retrieve == "get":
                self._get(query, receiver)
            else:
                self._move(query, receiver)
        except ServiceError:
            receiver.check_error()  # it knows better why the archive fell silent
            raise
        receiver.check(self.where)

    def has(self, file: Path) -> bool:
        """Ask for the object by its UIDs."""
        uids = read_uids(file)
        rows = self._find(
            "IMAGE",
            StudyInstanceUID=uids.study,
            SeriesInstanceUID=uids.series,
            SOPInstanceUID=uids.sop,
        )
        return any(text(row, "SOPInstanceUID") == uids.sop for row in rows)

    def store(self, file: Path) -> str:
        """Send one object and read its status."""
        uids = read_uids(file)
        dataset = pydicom.dcmread(file)
        syntaxes = [dataset.file_meta.TransferSyntaxUID]
        if not syntaxes[0].is_compressed:
            syntaxes += [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        context = build_context(UID(uids.sop_class), list(dict.fromkeys(syntaxes)))
        with self._association([context]) as open_one:
            status = open_one.send_c_store(dataset)
        return judge_status(self._code(status), where=self.where)

    def _images(
        self, study_uid: str, study: Dataset, series: Dataset
    ) -> list[RemoteImage]:
        series_uid = text(series, "SeriesInstanceUID")
        at = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
        wanted = return_keys(IMAGE_KEYS) | {"SOPInstanceUID": ""} | at
        return [
            RemoteImage(
                study_uid, series_uid, uid, merged_levels(study, series, row), False
            )
            for row in self._find("IMAGE", **wanted)
            if is_uid(uid := text(row, "SOPInstanceUID"))
        ]

    def _find(self, level: str, **keys: str) -> list[Dataset]:
        """Ask one question and take all answers.

        Quirk: pynetdicom 3.0, a second question over the same association can lose an
        answer without a word: its own thread takes it for a request when it is slow.
        """
        rows = []
        with self._association([FIND]) as open_one:
            for status, row in open_one.send_c_find(query_dataset(level, **keys), FIND):
                code = self._code(status)
                if code in _PENDING and row is not None:
                    rows.append(decoded(row))
                elif code not in (0, *_PENDING):
                    raise self._refusal("a query", code)
        return rows

    def _get(self, query: Dataset, receiver: Receiver) -> None:
        roles = [build_role(uid, scp_role=True) for uid in IMAGE_CLASSES]
        handlers = receiver.handlers
        contexts = [build_context(GET), *IMAGE_CONTEXTS]
        with self._association(contexts, ext_neg=roles, evt_handlers=handlers) as one:
            self._follow(one.send_c_get(query, GET))

    def _move(self, query: Dataset, receiver: Receiver) -> None:
        with receiver.listening(self._peer), self._association([MOVE]) as one:
            self._follow(one.send_c_move(query, self._peer.calling, MOVE))

    def _follow(self, answers: Iterator[Any]) -> None:
        for status, _ in answers:
            code = self._code(status)
            if code == _DESTINATION_UNKNOWN:
                raise AccessError(
                    f"the archive {self.where} does not know where "
                    f"{self._peer.calling} is; have its owner enter this AE title with "
                    f"our host and port {self._peer.listen_port}, then run again"
                )
            if code not in (0, *_PENDING, _SOME_FAILED):
                raise self._refusal("a retrieval", code)

    @contextmanager
    def _association(
        self, contexts: Sequence[UID | PresentationContext], **how: Any
    ) -> Iterator[Association]:
        """Hold an association, and say in one sentence what is wrong with it."""
        peer = self._peer
        how.setdefault("evt_handlers", [(evt.EVT_CONN_OPEN, send_at_once)])
        entity = AE(peer.calling)
        entity.connection_timeout = CONNECT_SECONDS
        entity.acse_timeout = entity.dimse_timeout = SILENT_SECONDS
        entity.network_timeout = SILENT_SECONDS
        asked = [
            one if isinstance(one, PresentationContext) else build_context(one)
            for one in contexts
        ]
        try:
            open_one = _ask_until_answered(
                entity,
                addr=peer.host,
                port=peer.port,
                contexts=asked,
                ae_title=peer.called,
                **how,
            )
        except OSError:  # no such host
            raise self._silence() from None
        if not open_one.is_established:
            raise self._rejection(open_one)
        try:
            with suppress_warnings():
                yield open_one
        except (CxrError, OSError):
            raise
        # Values of an answer can be anything, and converting them raises anything.
        except Exception:  # noqa: BLE001
            raise ServiceError(
                f"the archive {self.where} sent an answer that makes no sense; nothing "
                "is lost, run again"
            ) from None
        finally:
            if open_one.is_established:
                open_one.release()

    def _code(self, status: Dataset) -> int:
        if "Status" not in status:  # timed out, aborted, or an invalid answer
            raise self._silence()
        return int(status.Status)

    def _silence(self) -> ServiceError:
        return ServiceError(
            f"the archive {self.where} did not answer; see whether it runs and the "
            "address is right, then run again: nothing is lost"
        )

    def _refusal(self, what: str, code: int) -> CxrError:
        said = f"the archive {self.where} refused {what} (status {code:04X}H)"
        if code in _NOT_OFFERED:
            return AccessError(f"{said}; {_ASK}")
        return ServiceError(
            f"{said}; does it know {self._peer.calling}, and where? Nothing is lost, "
            "run again"
        )

    def _rejection(self, open_one: Association) -> CxrError:
        """Read why there is no association (PS3.8 9.3.4)."""
        answer = open_one.acceptor.primitive
        if answer is None or answer.result is None:
            return self._silence()
        if answer.result == 0:
            return AccessError(
                f"the archive {self.where} takes none of the objects or services that "
                f"we offer; {_ASK}"
            )
        if answer.result == _TRANSIENT:
            return ServiceError(
                f"the archive {self.where} is busy and rejected the association; "
                "nothing is lost, run again"
            )
        who = {_CALLING: self._peer.calling, _CALLED: self._peer.called}
        title = who.get((answer.result_source, answer.diagnostic))
        why = f"it does not know the AE title {title}" if title else "for good"
        return AccessError(
            f"the archive {self.where} rejected the association: {why}; correct "
            "site.yaml: archive (or CXR_ARCHIVE), or have its owner enter "
            f"{self._peer.calling}"
        )


_ASK = "ask its owner to allow it, then run again"


def _ask_until_answered(entity: AE, **how: Any) -> Association:
    """Ask for an association, again if the peer hung up without an answer.

    One that closes the line right behind a rejection can lose it: 1 in 100 with Orthanc
    under load. A peer that kept us waiting is not asked again.
    """
    for _ in range(ATTEMPTS):
        begun = time.monotonic()
        open_one = entity.associate(**how)
        waited = time.monotonic() - begun >= CONNECT_SECONDS
        if open_one.acceptor.primitive is not None or waited:
            break
    return open_one
