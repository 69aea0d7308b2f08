"""What a program does about garbage while it loads and when it ends."""

import subprocess
import sys

import pytest

from cxrmlops.system.garbage import YOUNG

pytestmark = pytest.mark.integration

LAST = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
SELDOM = "from cxrmlops.system.garbage import collect_seldom; collect_seldom()\n"


def said(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_young_objects_are_searched_less_often_the_others_as_before():
    assert said(f"{SELDOM}import gc; print(gc.get_threshold())") == f"({YOUNG}, 10, 10)"


def test_at_the_end_nothing_is_searched():
    assert said(LAST + SELDOM) == "True"


def test_triton_which_counts_what_is_left_is_taken_apart():
    assert said(f"{LAST}{SELDOM}import sys; sys.modules['triton'] = sys") == "False"
