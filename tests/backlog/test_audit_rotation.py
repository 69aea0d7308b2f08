import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxrmlops.backlog import audit, audit_rotation
from cxrmlops.backlog.audit import Event
from cxrmlops.backlog.audit_rotation import last_sequence, whole_files
from cxrmlops.system.errors import ParamsError


@pytest.fixture
def stream(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_AUDIT", str(tmp_path / "audit.jsonl"))
    return tmp_path / "audit.jsonl"


@pytest.fixture
def small(monkeypatch):
    """Files are full at once."""
    monkeypatch.setattr(audit_rotation, "_limit", lambda: 1)


def add(count: int = 1) -> None:
    audit.record([Event(audit.QUERY, audit.EXECUTE) for _ in range(count)])


def numbers() -> list[int]:
    lines = [x for file in audit.audit_files() for x in file.read_text().splitlines()]
    return [json.loads(line)["sequence"] for line in lines]


def test_lines_are_numbered_from_one(stream):
    add()
    add(2)

    assert numbers() == [1, 2, 3]


@pytest.mark.usefixtures("small")
def test_a_full_file_is_kept_whole_and_the_numbers_go_on(stream):
    add(2)
    before = stream.read_bytes()
    add()
    add()

    first, second = whole_files(stream)
    assert first.name == "audit.000000000002.jsonl"
    assert first.read_bytes() == before
    assert stat.S_IMODE(second.stat().st_mode) == 0o600
    assert numbers() == [1, 2, 3, 4]


@pytest.mark.usefixtures("small")
def test_many_writers_at_once_lose_no_line_and_give_no_number_twice(stream):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: add(3), range(20)))

    assert sorted(numbers()) == list(range(1, 61))


def test_lines_of_an_earlier_version_are_counted(stream):
    stream.write_text('{"at": "x"}\n{"at": "y"}\n')

    add()

    assert last_sequence(stream) == 3


def test_a_file_that_is_below_its_limit_stays_the_only_one(stream, monkeypatch):
    monkeypatch.setenv("CXR_AUDIT_MAX_MIB", "1")

    add(10)
    add(10)

    assert audit.audit_files() == [stream]


def test_zero_is_one_file_for_ever(stream, monkeypatch):
    monkeypatch.setenv("CXR_AUDIT_MAX_MIB", "0")
    add()
    add()

    assert whole_files(stream) == []


def test_a_limit_that_is_no_number_is_refused_before_a_line_is_lost(
    stream, monkeypatch
):
    monkeypatch.setenv("CXR_AUDIT_MAX_MIB", "much")

    with pytest.raises(ParamsError, match="CXR_AUDIT_MAX_MIB"):
        add()

    assert not stream.exists()


def test_a_last_line_that_is_longer_than_the_tail_is_counted_by_lines(
    stream, monkeypatch
):
    monkeypatch.setattr(audit_rotation, "_TAIL", 10)
    add(3)

    assert last_sequence(stream) == 3
