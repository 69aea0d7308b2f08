"""Archive over DIMSE (PS3.4, PS3.7): C-FIND, C-GET or C-MOVE, C-STORE."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, build_role
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
from cxrmlops.dicom.archive.dimse_association import ASK, Associations
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
)
from cxrmlops.dicom.archive.transfer import (
    MODALITIES,
    RemoteImage,
    judge_status,
    read_uids,
)
from cxrmlops.dicom.identity import is_uid
from cxrmlops.dicom.read.attributes import text
from cxrmlops.system.errors import AccessError, ServiceError

MODELS = {"get": GET, "move": MOVE}
_PENDING = (0xFF00, 0xFF01)
_DESTINATION_UNKNOWN = 0xA801
_SOME_FAILED = 0xB000  # of a retrieval; we look for ourselves


class Dimse:
    """An archive that speaks DIMSE; every question is an association of its own."""

    def __init__(self, peer: Peer) -> None:
        self._peer, self._associations = peer, Associations(peer)
        self.where = self._associations.where

    def check(self) -> None:
        """See whether it offers what we need."""
        retrieve = MODELS[self._peer.retrieve]
        with self._associations.open([FIND, retrieve]) as open_one:
            offered = {one.abstract_syntax for one in open_one.accepted_contexts}
        if FIND not in offered:
            raise AccessError(f"the archive {self.where} offers no C-FIND; {ASK}")
        if retrieve not in offered:
            raise AccessError(
                f"the archive {self.where} offers no C-{self._peer.retrieve.upper()}; "
                f"name the other way in its address (retrieve=...), or {ASK}"
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
        with self._associations.open([context]) as open_one:
            status = open_one.send_c_store(dataset)
        return judge_status(self._associations.code(status), where=self.where)

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
        with self._associations.open([FIND]) as open_one:
            for status, row in open_one.send_c_find(query_dataset(level, **keys), FIND):
                code = self._associations.code(status)
                if code in _PENDING and row is not None:
                    rows.append(decoded(row))
                elif code not in (0, *_PENDING):
                    raise self._associations.refusal("a query", code)
        return rows

    def _get(self, query: Dataset, receiver: Receiver) -> None:
        roles = [build_role(uid, scp_role=True) for uid in IMAGE_CLASSES]
        how = {"ext_neg": roles, "evt_handlers": receiver.handlers}
        contexts = [build_context(GET), *IMAGE_CONTEXTS]
        with self._associations.open(contexts, **how) as open_one:
            self._follow(open_one.send_c_get(query, GET))

    def _move(self, query: Dataset, receiver: Receiver) -> None:
        with (
            receiver.listening(self._peer),
            self._associations.open([MOVE]) as open_one,
        ):
            self._follow(open_one.send_c_move(query, self._peer.calling, MOVE))

    def _follow(self, answers: Iterator[Any]) -> None:
        for status, _ in answers:
            code = self._associations.code(status)
            if code == _DESTINATION_UNKNOWN:
                raise AccessError(
                    f"the archive {self.where} does not know where "
                    f"{self._peer.calling} is; have its owner enter this AE title with "
                    f"our host and port {self._peer.listen_port}, then run again"
                )
            if code not in (0, *_PENDING, _SOME_FAILED):
                raise self._associations.refusal("a retrieval", code)
