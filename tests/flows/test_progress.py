"""How far a run is: told seldom, with the time that is left."""

import logging
import time

import pytest

from cxrmlops.model import fitting
from cxrmlops.model.training import Epoch
from cxrmlops.stages import preprocess
from flows import progress
from flows.progress import Bar, read_line, time_left, watched_progress

pytestmark = pytest.mark.integration


@pytest.fixture
def shown(monkeypatch) -> list[tuple[float, str]]:
    """What reached Prefect, in its order."""
    calls: list[tuple[float, str]] = []
    monkeypatch.setattr(
        progress, "create_progress_artifact", lambda p, _, said: calls.append((p, said))
    )
    monkeypatch.setattr(
        progress, "update_progress_artifact", lambda _, p, said: calls.append((p, said))
    )
    return calls


def test_between_two_calls_of_the_api_seconds_pass_however_often_it_is_told(shown):
    bar = Bar("any")

    for n in range(1000):
        bar.tell(n, 1000, what="studies")
    bar.tell(1000, 1000, what="studies")

    assert shown == [(0.0, "0 of 1000 studies"), (100.0, "1000 of 1000 studies")]


def test_another_thing_to_count_is_told_at_once(shown):
    bar = Bar("any")

    bar.tell(1, 8, what="stages")
    bar.tell(3, 30, what="epochs")

    assert shown == [(12.5, "1 of 8 stages"), (10.0, "3 of 30 epochs")]


def test_nothing_to_do_is_no_bar(shown):
    Bar("any").tell(0, 0, what="studies")

    assert shown == []


@pytest.mark.parametrize(
    ("done", "left", "said"),
    [
        (10, 10, ", about 10 min left"),
        (10, 5, ", about 5 min left"),
        (100, 1, ", less than a minute left"),
        (1, 12, ", about 2.0 h left"),
        (0, 10, ""),
        (10, 0, ""),
    ],
)
def test_the_time_left_is_that_of_the_speed_so_far(done, left, said):
    assert time_left(600, done, left) == said


def test_a_counter_that_fails_and_an_api_that_is_away_stop_no_work(monkeypatch, caplog):
    def refuse(*_):
        raise ConnectionError

    def count() -> tuple[int, int]:
        raise OSError

    monkeypatch.setattr(progress, "create_progress_artifact", refuse)
    monkeypatch.setattr(progress, "get_run_logger", lambda: logging.getLogger("any"))

    with watched_progress(Bar("any"), count, what="studies"):
        pass
    Bar("any").tell(1, 2, what="studies")

    assert "no progress known: OSError" in caplog.text
    assert "no progress shown: ConnectionError" in caplog.text


def test_while_work_goes_on_its_count_is_shown_again_and_at_the_end(shown):
    done = iter(range(100))
    bar = Bar("any", seconds=0.02)

    with watched_progress(bar, lambda: (next(done), 100), what="studies"):
        time.sleep(0.3)

    assert len(shown) > 2
    assert shown[1][1].startswith("1 of 100 studies, ")


def test_the_lines_of_the_stages_are_understood(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(preprocess.ProgressTimer, "due", lambda _: 1.0)

    fitting._tell(epoch(3), 30)
    for _ in preprocess._told([[]], [{"rejected": ""}] * 40, 2504):
        pass

    lines = [record.getMessage() for record in caplog.records]
    assert read_line(lines[0]) == (3, 30, "epochs (train)")
    assert read_line(lines[1]) == (40, 2504, "films (preprocess)")
    assert read_line("split: 3 films") is None


def epoch(number: int) -> Epoch:
    return Epoch(
        epoch=number,
        size=512,
        train_loss=0.5,
        val_loss=0.5,
        val_auc=0.9,
        learning_rate=1e-3,
        seconds=60.0,
        images_per_second=8.0,
    )
