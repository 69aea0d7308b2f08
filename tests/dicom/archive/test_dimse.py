import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import pynetdicom
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    DigitalXRayImageStorageForPresentation,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from cxrmlops.dicom.archive import dimse_association
from cxrmlops.dicom.archive.dimse import Dimse
from cxrmlops.dicom.archive.dimse_address import Peer, read_address
from cxrmlops.dicom.archive.transfer import RemoteImage
from cxrmlops.system.errors import AccessError, RefusedError, Rejected, ServiceError
from tests import make, orthanc

DAYS = date(2024, 1, 29), date(2024, 1, 31)
FIND, GET, MOVE = (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)


def remote_image(image: Path) -> RemoteImage:
    return make.make_remote_image(image, is_complete=False)


@contextmanager
def serving(handlers=(), *, contexts=(FIND, GET), roles=True, **quirks):
    """Run an archive that answers as the test wants it to."""
    entity = AE("PACS")
    for context in (*contexts, DigitalXRayImageStorageForPresentation):
        entity.add_supported_context(context, scu_role=roles, scp_role=roles)
    for name, value in quirks.items():
        setattr(entity, name, value)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=list(handlers)
    )
    try:
        yield Peer("PACS", "127.0.0.1", server.socket.getsockname()[1])
    finally:
        server.shutdown()


def test_an_archive_that_knows_our_title_and_offers_all_lets_us_in():
    with serving() as peer:
        Dimse(peer).check()


@pytest.mark.parametrize(
    ("quirk", "words"),
    [
        ({"require_called_aet": True}, "does not know the AE title OTHER"),
        ({"require_calling_aet": ["US"]}, "does not know the AE title CXRMLOPS"),
    ],
)
def test_a_wrong_title_is_named(quirk, words):
    with serving(**quirk) as peer, pytest.raises(AccessError, match=words):
        Dimse(replace(peer, called="OTHER")).check()


def test_a_busy_archive_is_asked_again_later():
    with serving(maximum_associations=1) as peer:
        one = AE("US")
        one.add_requested_context(FIND)
        held = one.associate(peer.host, peer.port)
        with pytest.raises(ServiceError, match="is busy"):
            Dimse(peer).check()
        held.release()


@pytest.mark.parametrize(
    ("contexts", "words"),
    [
        ((Verification,), "takes none of the objects or services"),
        ((GET,), "offers no C-FIND"),
        ((FIND,), "offers no C-GET; name the other way"),
    ],
)
def test_a_service_that_is_missing_is_named(contexts, words):
    with (
        serving(contexts=contexts) as peer,
        pytest.raises(AccessError, match=words),
    ):
        Dimse(peer).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_archive_that_is_not_there_did_not_answer(host):
    (port,) = orthanc.free_ports(1)

    with pytest.raises(ServiceError, match="did not answer; see whether it runs"):
        Dimse(Peer("PACS", host, port)).check()


def serve(server, answer):
    """Give every connection to `answer`, one after the other, until the end."""

    def accept() -> None:
        with suppress(OSError):  # the test is over
            while True:
                connection, _ = server.accept()
                with connection:
                    answer(connection)

    threading.Thread(target=accept, daemon=True).start()


def test_a_port_that_speaks_something_else_did_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk(connection) -> None:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        serve(other, talk)
        with pytest.raises(ServiceError, match="did not answer"):
            Dimse(Peer("PACS", "127.0.0.1", other.getsockname()[1])).check()


def test_an_archive_that_hangs_up_before_its_answer_is_asked_again():
    # PS3.8 9.3.4: for good, by the service user, called AE title not recognised
    rejection = bytes([3, 0, 0, 0, 0, 4, 0, 1, 1, 7])
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection) -> None:
            asked.append(connection.recv(65536)[0])
            if len(asked) > 1:
                connection.sendall(rejection)
                connection.recv(65536)  # until the other side has read it

        serve(server, answer)
        with pytest.raises(AccessError, match="does not know the AE title PACS"):
            Dimse(Peer("PACS", "127.0.0.1", server.getsockname()[1])).check()

    assert len(asked) > 1
    assert set(asked) == {1}  # A-ASSOCIATE-RQ


def test_a_silent_archive_did_not_answer(monkeypatch):
    monkeypatch.setattr(dimse_association, "SILENT_SECONDS", 0.5)

    def sleep(_event):
        threading.Event().wait(2)
        yield 0x0000, None

    with (
        serving([(evt.EVT_C_FIND, sleep)]) as peer,
        pytest.raises(ServiceError, match="did not answer"),
    ):
        Dimse(peer).find_studies("DX", *DAYS)


@pytest.mark.parametrize(
    ("status", "error"),
    [(0xA700, ServiceError), (0xC000, ServiceError), (0x0122, AccessError)],
)
def test_a_query_that_is_refused_is_told(status, error):
    def refuse(_event):
        yield status, None

    with (
        serving([(evt.EVT_C_FIND, refuse)]) as peer,
        pytest.raises(error, match=f"refused a query .*{status:04X}H"),
    ):
        Dimse(peer).find_studies("DX", *DAYS)


def test_studies_are_asked_for_day_by_day():
    asked = []

    def answer(event):
        query = event.identifier
        asked.append((query.ModalitiesInStudy, query.StudyDate))
        row = Dataset()
        row.QueryRetrieveLevel = "STUDY"
        row.StudyInstanceUID = f"1.2.{query.StudyDate}"
        yield 0xFF00, row
        row.StudyInstanceUID = "no uid"
        yield 0xFF00, row
        yield 0x0000, None

    with serving([(evt.EVT_C_FIND, answer)]) as peer:
        found = Dimse(peer).find_studies("CR", *DAYS)

    assert asked == [("CR", "20240129"), ("CR", "20240130"), ("CR", "20240131")]
    assert found == {"1.2.20240129", "1.2.20240130", "1.2.20240131"}


def test_images_are_asked_for_level_by_level_and_other_series_are_left_out(image):
    """PS3.4 C.6.2: each question names the unique keys above its level."""
    asked = []
    series = {"1.2.1": "DX", "1.2.2": "CT", "no uid": "DX"}
    images = ["1.2.1.1", "no uid"]

    def answer(event):
        query = event.identifier
        asked.append((query.QueryRetrieveLevel, query.get("SeriesInstanceUID")))
        assert query.StudyInstanceUID == "1.2"
        assert query.QueryRetrieveLevel != "IMAGE" or "SOPInstanceUID" in query
        row = Dataset()
        row.QueryRetrieveLevel, row.StudyInstanceUID = query.QueryRetrieveLevel, "1.2"
        if query.QueryRetrieveLevel == "STUDY":
            row.PatientID = "P1"
            yield 0xFF00, row
        if query.QueryRetrieveLevel == "SERIES":
            for row.SeriesInstanceUID, row.Modality in series.items():
                yield 0xFF00, row
        if query.QueryRetrieveLevel == "IMAGE":
            for row.SOPInstanceUID in images:
                yield 0xFF00, row
        yield 0x0000, None

    with serving([(evt.EVT_C_FIND, answer)]) as peer:
        found = Dimse(peer).find_images("1.2")

    assert asked == [("STUDY", None), ("SERIES", ""), ("IMAGE", "1.2.1")]
    (remote_image,) = found
    assert (remote_image.study_uid, remote_image.series_uid, remote_image.sop_uid) == (
        "1.2", "1.2.1", "1.2.1.1",
    )  # fmt: skip
    assert (remote_image.header.PatientID, remote_image.header.Modality) == ("P1", "DX")


def test_each_question_has_an_association_of_its_own():
    """pynetdicom may lose answers otherwise; look again at another version."""
    met = []

    def answer(_event):
        yield 0x0000, None

    handlers = [
        (evt.EVT_C_FIND, answer),
        (evt.EVT_ESTABLISHED, lambda _: met.append(1)),
    ]
    with serving(handlers) as peer:
        Dimse(peer).find_studies("CR", *DAYS)

    assert len(met) == 3
    assert pynetdicom.__version__.startswith("3.0.")


@pytest.mark.parametrize(
    ("status", "receipt"),
    [
        (0x0000, "stored, status 0000H"),
        (0xB000, "B000H"),
        (0xB007, "B007H"),
        (0x0111, "present, status 0111H"),
    ],
)
def test_what_the_archive_has_gets_a_receipt(image, status, receipt):
    with serving([(evt.EVT_C_STORE, lambda _: status)]) as peer:
        assert receipt in Dimse(peer).store(image)


@pytest.mark.parametrize(
    ("status", "error"),
    [(0xA700, ServiceError), (0xA900, RefusedError), (0xC000, RefusedError)],
)
def test_only_what_a_second_try_can_mend_may_be_repeated(image, status, error):
    with (
        serving([(evt.EVT_C_STORE, lambda _: status)]) as peer,
        pytest.raises(error, match=f"{status:04X}H") as raised,
    ):
        Dimse(peer).store(image)

    assert isinstance(raised.value, ServiceError) == (error is ServiceError)


def test_an_archive_that_hangs_up_may_be_asked_again(image):
    with (
        serving([(evt.EVT_C_STORE, lambda event: event.assoc.abort())]) as peer,
        pytest.raises(ServiceError, match="did not answer"),
    ):
        Dimse(peer).store(image)


def test_an_image_that_was_not_asked_for_is_not_taken(image, tmp_path):
    other = dcmread(make.save_image(make.make_readable_image(2), tmp_path / "2.dcm"))

    def send_other(_event):
        yield 1
        yield 0xFF00, other

    with (
        serving([(evt.EVT_C_GET, send_other)]) as peer,
        pytest.raises(ServiceError, match="refused a retrieval"),
    ):
        Dimse(peer).fetch(remote_image(image), tmp_path / "got.dcm", max_bytes=10**6)

    assert not (tmp_path / "got.dcm").exists()


@pytest.mark.parametrize("pixels", [(160, 140), (700, 700)])
def test_an_image_that_is_too_large_leaves_no_file(tmp_path, pixels):
    values = make.make_lungs(rows=pixels[0], columns=pixels[1])
    image = make.make_readable_image()
    image.Rows, image.Columns = pixels
    image.PixelData = values.astype("<u2").tobytes()
    path = make.save_image(image, tmp_path / "film.dcm")

    def send(_event):
        yield 1
        yield 0xFF00, dcmread(path)

    with (
        serving([(evt.EVT_C_GET, send)]) as peer,
        pytest.raises(Rejected, match="too_large"),
    ):
        Dimse(peer).fetch(remote_image(path), tmp_path / "got.dcm", max_bytes=10_000)

    assert not (tmp_path / "got.dcm").exists()


def test_an_archive_that_says_that_it_does_not_know_us_is_believed(image, tmp_path):
    def unknown(_event):
        yield None, None

    (port,) = orthanc.free_ports(1)
    with (
        serving([(evt.EVT_C_MOVE, unknown)], contexts=(FIND, MOVE)) as peer,
        pytest.raises(AccessError, match="does not know where CXRMLOPS is"),
    ):
        Dimse(replace(peer, retrieve="move", listen_port=port)).fetch(
            remote_image(image), tmp_path / "got.dcm", max_bytes=10**6
        )


def test_a_port_that_is_taken_is_named(image, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        peer = Peer(
            "PACS",
            "127.0.0.1",
            104,
            retrieve="move",
            listen_port=taken.getsockname()[1],
        )
        with pytest.raises(ServiceError, match="cannot be listened on"):
            Dimse(peer).fetch(
                remote_image(image), tmp_path / "got.dcm", max_bytes=10**6
            )


def archive(pacs: orthanc.Orthanc, **how: str) -> Dimse:
    return Dimse(read_address(pacs.dimse(**how).removeprefix("dimse:")))


@pytest.mark.services
@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_a_real_archive_gives_an_image_in_the_syntax_that_it_has(
    pacs, tmp_path, retrieve
):
    image = make.make_readable_image()
    image.StudyDate = "20240130"
    image.compress(JPEGLSLossless)
    pacs.put(make.save_image(image, tmp_path / "film.dcm"))
    peer = archive(pacs, retrieve=retrieve)

    (study,) = peer.find_studies("DX", *DAYS)
    (found,) = peer.find_images(study)
    peer.fetch(found, tmp_path / "got.dcm", max_bytes=10**6)

    got = dcmread(tmp_path / "got.dcm")
    assert got == dcmread(tmp_path / "film.dcm")
    assert got.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert found.header.ViewPosition == image.ViewPosition
    assert peer.find_studies("CR", *DAYS) == set()


@pytest.mark.services
def test_a_real_archive_that_does_not_know_where_we_are_is_told_so(pacs, tmp_path):
    image = make.make_readable_image()
    pacs.put(make.save_image(image, tmp_path / "film.dcm"))
    peer = archive(pacs, retrieve="move", calling="STRANGER")

    with pytest.raises(ServiceError, match="does it know STRANGER, and where?"):
        peer.fetch(
            remote_image(tmp_path / "film.dcm"), tmp_path / "got.dcm", max_bytes=10**6
        )


@pytest.mark.services
def test_a_real_archive_knows_what_was_stored(pacs, image):
    peer = archive(pacs)

    assert not peer.has(image)
    assert peer.store(image) == "stored, status 0000H"
    assert peer.has(image)
    assert peer.store(image)  # twice does no harm
