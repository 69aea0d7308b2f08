import json
import logging

import pytest

from cxrmlops.data.image_list import list_images
from cxrmlops.data.sources import header_pass
from cxrmlops.data.sources.header_pass import read_headers
from cxrmlops.system.clock import ProgressTimer
from tests.data.rows import make_reading
from tests.make import make_chest_image, save_image


@pytest.fixture
def reading(tmp_path):
    for n in range(5):
        save_image(make_chest_image(study=f"1.{n}"), tmp_path / f"films/{n}.dcm")
    return make_reading(tmp_path)


def count_reads(monkeypatch) -> list[str]:
    read = []
    original = header_pass.read_header

    def counted(path, **limits):
        read.append(path.name)
        return original(path, **limits)

    monkeypatch.setattr(header_pass, "read_header", counted)
    return read


def test_a_second_pass_reads_only_what_is_new(reading, monkeypatch):
    first = read_headers(list_images(reading.images), reading)
    save_image(make_chest_image(study="1.9"), reading.images / "9.dcm")
    read = count_reads(monkeypatch)

    second = read_headers(list_images(reading.images), reading)

    assert read == ["9.dcm"]
    assert second[:5] == first


def test_an_image_that_changed_is_read_again(reading, monkeypatch):
    read_headers(list_images(reading.images), reading)
    save_image(make_chest_image(study="1.77777"), reading.images / "3.dcm")
    read = count_reads(monkeypatch)

    read_headers(list_images(reading.images), reading)

    assert read == ["3.dcm"]


def test_a_line_cut_short_by_a_kill_is_read_again(reading, monkeypatch):
    first = read_headers(list_images(reading.images), reading)
    journal = reading.work / "headers.jsonl"
    journal.write_text(journal.read_text()[:-40])
    read = count_reads(monkeypatch)

    again = read_headers(list_images(reading.images), reading)
    last = read_headers(list_images(reading.images), reading)

    assert read == ["4.dcm"]
    assert again == last == first


def test_the_journal_names_nobody(reading):
    named = save_image(
        make_chest_image(patient="CANARY-1"), reading.images / "Canary_Tweety.dcm"
    )

    read_headers(list_images(reading.images), reading)

    journal = (reading.work / "headers.jsonl").read_text()
    assert named.exists()
    assert "canary" not in journal.casefold()
    assert "1.2.840" not in journal


@pytest.mark.integration
def test_processes_give_the_same_rows_as_one(reading, monkeypatch, tmp_path):
    alone = read_headers(list_images(reading.images), reading)
    monkeypatch.setattr(header_pass, "FEW", 0)
    monkeypatch.setattr(header_pass, "CHUNK", 2)
    monkeypatch.setenv("CXR_WORKERS", "2")
    (reading.work / "headers.jsonl").unlink()

    together = read_headers(list_images(reading.images), reading)

    assert json.dumps(together) == json.dumps(alone)


def test_progress_counts_what_was_read_and_what_was_rejected(
    reading, monkeypatch, caplog
):
    (reading.images / "0.dcm").write_bytes(b"no film")
    (reading.images / "3.dcm").write_bytes(b"no film")
    monkeypatch.setattr(header_pass, "CHUNK", 4)
    monkeypatch.setattr(header_pass, "ProgressTimer", lambda: ProgressTimer(0))

    with caplog.at_level(logging.INFO):
        read_headers(list_images(reading.images), reading)

    assert caplog.messages == [
        "cohort: 4 of 5 headers read, 2 rejected so far",
        "cohort: 5 of 5 headers read, 2 rejected so far",
    ]


def test_a_file_that_ends_its_process_is_a_row(reading, monkeypatch):
    def lose(function, inputs, **limits):
        for item in inputs:
            lost = any(file.path == "2.dcm" for file in item)
            output = None if lost else function(item)
            yield header_pass_done(item, output)

    monkeypatch.setattr(header_pass, "map_isolated", lose)

    rows = read_headers(list_images(reading.images), reading)

    assert [row["rejected"] for row in rows] == ["", "", "unreadable", "", ""]


def header_pass_done(item, output):
    from cxrmlops.system.workers import IsolatedResult

    return IsolatedResult(item, output)
