"""Our side of a retrieval: the image that was asked for is written, others refused."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.uid import (
    JPEG2000,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, build_context, evt

from cxrmlops.dicom.archive.dimse_address import Peer
from cxrmlops.system.errors import CxrError, Rejected, ServiceError
from cxrmlops.system.files import whole

IMAGE_CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
)
SYNTAXES = (
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian),
    *(DeflatedExplicitVRLittleEndian, RLELossless),
    *(JPEGLosslessSV1, JPEGLossless, JPEGBaseline8Bit, JPEGExtended12Bit),
    *(JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000),
)
# A context of its own for each syntax: the archive then need not choose one for all.
IMAGE_CONTEXTS = tuple(
    build_context(uid, [syntax]) for uid in IMAGE_CLASSES for syntax in SYNTAXES
)

_OK, _NO_SPACE, _NOT_ASKED_FOR = 0x0000, 0xA700, 0xC000
_FRAMING = 2**16  # bytes of a message around an image


def send_at_once(event: Any) -> None:
    """Let no message wait for the acknowledgement of the one before: 0.1 s each."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Receiver:
    """Takes one image from an archive, within limits."""

    def __init__(self, sop_uid: str, place: Path, *, max_bytes: int) -> None:
        self._sop_uid, self._place, self._max_bytes = sop_uid, place, max_bytes
        self._bytes = 0  # of the message that is arriving
        self._error: CxrError | None = None

    @property
    def handlers(self) -> list[tuple[Any, Any]]:
        """What pynetdicom calls when something arrives."""
        return [
            (evt.EVT_CONN_OPEN, send_at_once),
            (evt.EVT_PDU_RECV, self._count),
            (evt.EVT_C_STORE, self._take),
        ]

    @contextmanager
    def listening(self, peer: Peer) -> Iterator[None]:
        """Be a storage SCP (PS3.4 B) for this archive while it sends.

        Raises:
            ServiceError: the port is taken.
        """
        entity = AE(peer.calling)
        entity.require_called_aet = True
        entity.require_calling_aet = [peer.called]
        for uid in IMAGE_CLASSES:
            entity.add_supported_context(uid, SYNTAXES)
        try:
            server = entity.start_server(
                (peer.listen, peer.listen_port), block=False, evt_handlers=self.handlers
            )
        except OSError:
            raise ServiceError(
                f"port {peer.listen_port} at {peer.listen} cannot be listened on; is "
                "another run fetching? Wait, or name another port in the archive's "
                "address (port=...)"
            ) from None
        try:
            yield
        finally:
            server.shutdown()

    def check(self, where: str) -> None:
        """See whether it came.

        Raises:
            Rejected: it is too large.
            ServiceError: it did not come.
            ResourceError: the disk is full.
        """
        self.check_error()
        if not self._place.exists():
            raise ServiceError(
                f"the archive {where} did not send an image that it listed; nothing is "
                "lost, run again"
            )

    def check_error(self) -> None:
        """Raise what went wrong here, if anything did."""
        if self._error is not None:
            raise self._error

    def _count(self, event: Any) -> None:
        """End an association that sends more than any film: it lies in memory."""
        self._bytes += len(event.pdu)
        if self._bytes > self._max_bytes + _FRAMING and self._error is None:
            self._error = Rejected("too_large", f"more than {self._max_bytes} bytes")
            event.assoc.dul.socket.close()

    def _take(self, event: Any) -> int:
        self._bytes = 0
        if str(event.request.AffectedSOPInstanceUID) != self._sop_uid:
            return _NOT_ASKED_FOR
        image = event.encoded_dataset()
        try:
            if len(image) > self._max_bytes:
                raise Rejected("too_large", f"more than {self._max_bytes} bytes")
            with whole(self._place, private=True) as draft:
                draft.write_bytes(image)
        except CxrError as error:
            self._error = error
            return _NO_SPACE
        return _OK
