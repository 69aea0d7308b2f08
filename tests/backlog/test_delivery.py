from datetime import date

import pytest

from cxrmlops.backlog.delivery import KINDS, Folder, deliver, open_archive
from cxrmlops.dicom.archive.login import RESULTS, SOURCE
from cxrmlops.system.errors import ParamsError, RefusedError, ServiceError


@pytest.fixture
def files(tmp_path):
    made = []
    for uid in ("2.25.1", "2.25.2"):
        made.append(tmp_path / f"{uid}.dcm")
        made[-1].write_bytes(uid.encode())
    return made


def test_what_the_archive_has_is_not_sent_again(tmp_path, files):
    archive = open_archive(f"folder:{tmp_path}/pacs/deep")
    receipts = {}

    first = deliver(files, archive, receipt=receipts.__setitem__)
    stamp = (tmp_path / "pacs/deep/2.25.1.dcm").stat().st_mtime_ns
    second = deliver(files, archive, receipt=lambda *_: None)

    assert (first.stored, first.present) == (2, 0)
    assert (second.stored, second.present) == (0, 2)
    assert (tmp_path / "pacs/deep/2.25.1.dcm").stat().st_mtime_ns == stamp
    assert all(text.startswith("sha256:") for text in receipts.values())


def test_each_file_has_its_receipt_before_the_next_is_sent(tmp_path, files):
    receipts = []

    class Full(Folder):
        def store(self, file):
            if file.stem == "2.25.2":
                raise ServiceError("full")
            return super().store(file)

    with pytest.raises(ServiceError):
        deliver(files, Full(tmp_path / "pacs"), receipt=lambda *r: receipts.append(r))

    assert [uid for uid, _ in receipts] == ["2.25.1"]


def test_an_object_that_is_refused_for_good_stops_no_other(tmp_path, files):
    receipts = []

    class Choosy(Folder):
        def store(self, file):
            if file.stem == "2.25.1":
                raise RefusedError("status C000H")
            return super().store(file)

    sent = deliver(
        files, Choosy(tmp_path / "pacs"), receipt=lambda *r: receipts.append(r)
    )

    assert (sent.stored, sent.refused) == (1, {"2.25.1": "status C000H"})
    assert [uid for uid, _ in receipts] == ["2.25.2"]


def test_a_folder_has_no_images_to_give(tmp_path):
    archive = open_archive(f"folder:{tmp_path}")
    archive.check()

    assert archive.find_studies("DX", date(2024, 1, 1), date(2024, 1, 2)) == set()
    assert archive.find_images("1.2.3") == []


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("dicomweb:https://host/dicom-web", "DicomWeb"),
        ("dimse:PACS@host:104?calling=US", "Dimse"),
    ],
)
def test_an_address_is_opened_without_a_word_to_the_archive(address, kind):
    assert type(open_archive(address)).__name__ == kind


def test_the_login_of_the_source_goes_to_the_source_alone(monkeypatch):
    seen = []
    monkeypatch.setitem(KINDS, "dicomweb", lambda _, login: seen.append(login))
    source, target = "dicomweb:https://a/x", "dicomweb:https://b/x"

    for address, of in ((source, None), (source, source), (target, source)):
        open_archive(address, source=of)

    assert seen == [SOURCE, SOURCE, RESULTS]


def test_a_folder_that_takes_nothing_is_a_service_that_is_down(tmp_path, files):
    (tmp_path / "pacs").write_text("a file where the folder should be")

    with pytest.raises(ServiceError, match="did not take a file .*run again"):
        deliver(files, Folder(tmp_path / "pacs"), receipt=lambda *_: None)


def test_nothing_half_written_is_left(tmp_path, files):
    archive = Folder(tmp_path / "pacs")

    with pytest.raises(ServiceError):
        archive.store(tmp_path / "2.25.404.dcm")

    assert list((tmp_path / "pacs").iterdir()) == []


@pytest.mark.parametrize(
    "address", ["/data/archive", "ftp:host", "folder:", "", "user:secret@host"]
)
def test_an_unknown_archive_is_refused_in_one_sentence(address):
    with pytest.raises(ParamsError, match="expected one of folder:") as error:
        open_archive(address)

    assert "secret" not in str(error.value)
