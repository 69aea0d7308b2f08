import datetime as dt

import pytest

from cxrmlops.system import clock
from cxrmlops.system.clock import ProgressTimer, now
from cxrmlops.system.errors import ParamsError


def test_a_fixed_clock_is_shown_in_the_time_of_the_site(monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2024-01-31T02:00:00+00:00")

    assert now("Asia/Shanghai").isoformat() == "2024-01-31T10:00:00+08:00"


def test_a_fixed_clock_without_offset_is_the_sites_own_time(monkeypatch):
    monkeypatch.setenv("CXR_CLOCK", "2024-07-31T02:00:00")

    assert now("Europe/Berlin").isoformat() == "2024-07-31T02:00:00+02:00"


def test_without_a_fixed_clock_it_is_now():
    passed = dt.datetime.now(dt.UTC) - now("UTC")

    assert dt.timedelta(0) <= passed < dt.timedelta(seconds=5)


@pytest.mark.parametrize(
    ("clock", "zone", "word"),
    [("yesterday", "UTC", "CXR_CLOCK"), ("", "Mars/Olympus", "Mars/Olympus")],
)
def test_a_wrong_clock_or_zone_is_refused_in_one_sentence(
    monkeypatch, clock, zone, word
):
    monkeypatch.setenv("CXR_CLOCK", clock)

    with pytest.raises(ParamsError, match=word):
        now(zone)


def test_a_line_is_due_once_in_so_many_seconds_and_tells_how_long_it_has_been(
    monkeypatch,
):
    times = iter([100.0, 102.0, 105.0, 107.0, 111.0])
    monkeypatch.setattr(clock.time, "monotonic", lambda: next(times))
    timer = ProgressTimer(5.0)

    assert [timer.due() for _ in range(4)] == [0, 5.0, 0, 11.0]
