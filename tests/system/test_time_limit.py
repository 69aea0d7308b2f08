import threading
import time

import pytest

from cxrmlops.system.time_limit import Asked


def test_the_answer_of_work_that_is_done_in_time_is_given():
    assert Asked(lambda: 7).answer(5) == 7


def test_work_that_hangs_is_left_behind():
    hang = threading.Event()
    begun = time.monotonic()

    with pytest.raises(TimeoutError):
        Asked(hang.wait).answer(0.1)

    assert time.monotonic() - begun < 5
    hang.set()


def test_what_the_work_raises_is_raised_to_whoever_asked():
    def fail() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        Asked(fail).answer(5)
