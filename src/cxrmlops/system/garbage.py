"""Python's search for garbage, where a program loads a million objects and ends."""

import atexit
import gc
import sys

YOUNG = 10_000  # objects between two searches; Python's own 700 are for small programs


def collect_seldom() -> None:
    """Search less often, and not at the end; the first to be registered runs last.

    Loading torch and pandas makes no garbage, and a program that ends gives all of its
    memory back: a third of the processor time of `import torch, pandas`.
    """
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    atexit.register(_leave_all)


def _leave_all() -> None:
    if "triton" not in sys.modules:  # it tells at length of what is never let go
        gc.freeze()
