"""Which copy of a distributed training this process is."""

import os

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK")  # set in the copies of a training's process


def is_first() -> bool:
    """Return whether this is no copy, or the first: the one that speaks and records."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
