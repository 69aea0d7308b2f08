"""One association with an archive (PS3.8): asked for, and what is wrong with it."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from cxrmlops.dicom.archive.dimse_address import Peer
from cxrmlops.dicom.archive.dimse_receiver import send_at_once
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.system.errors import AccessError, CxrError, ServiceError

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 60.0
ATTEMPTS = 3  # at an association that ends without an answer
ASK = "ask its owner to allow it, then run again"
_NOT_OFFERED = (0x0122, 0x0124, 0x0211, 0x0212)
_TRANSIENT = 2  # result of a rejection (PS3.8 9.3.4)
_CALLING, _CALLED = (1, 3), (1, 7)  # source and reason: AE title not recognised

# It logs UIDs and whole answers, which identify a patient (PS3.15 Annex E).
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
_config.LOG_HANDLER_LEVEL = "none"


class Associations:
    """Opens associations with one archive."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.where = f"{peer.called} ({peer.host}:{peer.port})"

    @contextmanager
    def open(
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

    def code(self, status: Dataset) -> int:
        """Read the status of an answer."""
        if "Status" not in status:  # timed out, aborted, or an invalid answer
            raise self._silence()
        return int(status.Status)

    def _silence(self) -> ServiceError:
        return ServiceError(
            f"the archive {self.where} did not answer; see whether it runs and the "
            "address is right, then run again: nothing is lost"
        )

    def refusal(self, what: str, code: int) -> CxrError:
        """Say that a question was refused with this status."""
        said = f"the archive {self.where} refused {what} (status {code:04X}H)"
        if code in _NOT_OFFERED:
            return AccessError(f"{said}; {ASK}")
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
                f"we offer; {ASK}"
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
