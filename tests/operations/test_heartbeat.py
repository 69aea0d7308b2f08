import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxrmlops.operations import heartbeat
from cxrmlops.operations.heartbeat import FILE, begin, end, read_heartbeat
from cxrmlops.system.errors import DataError

pytestmark = pytest.mark.usefixtures("site")


def test_a_night_is_noted_at_its_begin_and_at_its_end():
    begin("a")
    (running,) = read_heartbeat().nights
    assert (running.state, running.ended, running.is_killed) == ("running", None, False)

    end("a", "complete", said="in 2, scored 2", counts={"in": 2})

    (night,) = read_heartbeat().nights
    assert (night.state, night.said, night.counts) == (
        *("complete", "in 2, scored 2"),
        {"in": 2},
    )
    assert night.began == running.began <= night.ended


def test_a_night_that_begins_twice_keeps_its_first_begin():
    begin("a")
    began = heartbeat.began_at("a")

    begin("a")

    assert heartbeat.began_at("a") == began
    assert heartbeat.began_at("b") is None


def test_a_night_that_never_told_of_its_begin_is_noted_at_its_end():
    end("a", "failed", said="killed", counts={})

    assert [night.run for night in read_heartbeat().nights] == ["a"]


def test_a_killed_night_is_seen():
    code = "from cxrmlops.operations.heartbeat import begin; begin('a')"
    subprocess.run([sys.executable, "-c", code], check=True)

    assert read_heartbeat().nights[0].is_killed


def test_nights_at_the_same_time_do_not_lose_each_other():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, map(str, range(20))))

    assert len(read_heartbeat().nights) == 20


def test_the_file_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(heartbeat, "KEPT", 3)

    for number in range(5):
        begin(str(number))

    assert [night.run for night in read_heartbeat().nights] == ["2", "3", "4"]


def test_a_file_that_is_no_heartbeat_is_named_and_the_next_night_begins_anew(site):
    FILE.parent.mkdir()
    FILE.write_text(json.dumps({"nights": [{"run": 1}]}))
    with pytest.raises(DataError, match="is no heartbeat"):
        read_heartbeat()

    begin("a")

    assert [night.run for night in read_heartbeat().nights] == ["a"]
