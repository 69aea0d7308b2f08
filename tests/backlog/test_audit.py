import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxrmlops.backlog import audit
from cxrmlops.backlog.audit import Event, Subject
from cxrmlops.system.errors import ResourceError


@pytest.fixture
def stream(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_AUDIT", str(tmp_path / "deep/audit.jsonl"))
    return tmp_path / "deep/audit.jsonl"


def lines(stream) -> list[dict]:
    return [json.loads(line) for line in stream.read_text().splitlines()]


def test_the_stream_lies_beside_the_ledger_unless_the_site_says_where(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CXR_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")

    assert audit.audit_file() == tmp_path / "audit.jsonl"
    monkeypatch.setenv("CXR_AUDIT", "/var/log/audit.jsonl")
    assert str(audit.audit_file()) == "/var/log/audit.jsonl"


def test_lines_are_added_for_the_owner_alone_with_time_and_user(stream):
    audit.record([Event(audit.QUERY, audit.EXECUTE, destination="PACS")])
    audit.record([Event(audit.IMAGES_READ, audit.READ, study_uid="1.2.3")])

    first, second = lines(stream)
    assert stat.S_IMODE(stream.stat().st_mode) == 0o600
    assert (first["event"], first["action"], first["outcome"]) == ("110112", "E", 0)
    assert first["at"].endswith("+00:00")
    assert first["user"]
    assert second["study_uid"] == "1.2.3"


def test_a_run_has_a_start_and_a_stop_that_says_how_it_ended(stream):
    with audit.activity("model") as told:
        told.outcome = audit.SERIOUS
    with pytest.raises(KeyError), audit.activity("model"):
        raise KeyError

    said = [(line["type"], line["outcome"]) for line in lines(stream)]
    assert said == [("110120", 0), ("110121", 8), ("110120", 0), ("110121", 12)]


def test_each_object_that_the_archive_took_is_noted_and_that_it_took_no_more(stream):
    subjects = [Subject("1.2.3", "MRN-1", "model", 2)]
    trail = audit.Transfers(subjects, destination="https://user:secret@pacs/dicom")

    def send():
        with trail:
            trail.note("1.2.3", is_new=True)
            trail.note("1.2.3", is_new=False)
            raise KeyError

    with pytest.raises(KeyError):
        send()

    told = lines(stream)
    assert [line["action"] for line in told] == ["C", "R", "C"]
    assert [line["outcome"] for line in told] == [0, 0, 8]
    assert told[0]["patient_id"] == "MRN-1"
    assert told[0]["destination"] == "https://pacs/dicom"


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setenv("CXR_AUDIT", "/dev/full")

    with pytest.raises(ResourceError, match="no disk space left while writing /dev/fu"):
        audit.record([Event(audit.QUERY, audit.EXECUTE)])


def test_a_line_that_a_full_disk_cut_off_is_taken_back(stream, monkeypatch):
    audit.record([Event(audit.QUERY, audit.EXECUTE)])
    before = stream.read_bytes()
    write = audit.os.write
    rooms = [20, 0]

    def small(file, content):
        room = rooms.pop(0)
        if not room:
            raise OSError(28, "No space left on device")
        return write(file, content[:room])

    with monkeypatch.context() as patch:
        patch.setattr(audit.os, "write", small)
        with pytest.raises(ResourceError):
            audit.record([Event(audit.QUERY, audit.EXECUTE)])

    assert stream.read_bytes() == before


def test_many_writers_at_once_write_whole_lines(stream):
    events = [Event(audit.IMAGES_READ, audit.READ, study_uid=str(n)) for n in range(20)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: audit.record(events), range(16)))

    assert len(lines(stream)) == 320
